"""docs/testing.md holds test files: they run as they stand, by a pytest of their own."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.server import clean_environment

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_pages_test_files_pass_as_they_stand(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for number, block in enumerate(blocks):
        (tmp_path / f"test_page_{number}.py").write_text(block)
    command = [sys.executable, "-m", "pytest", "-q", str(tmp_path), "--rootdir", str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "5 passed" in ended.stdout
