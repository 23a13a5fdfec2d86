"""How long `soapsvc serve --demo` takes until it answers: on an empty folder, then again; prints both and their ratio.

Run it with `make bench-startup`. The first start makes the database, its schema, three people and fifty items.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROUNDS = 5
PORT = 18080
DEADLINE = 30.0


def seconds_until_ready(folder: Path) -> float:
    """Start the service in a folder, wait for its first answer, stop it."""
    started = time.monotonic()
    command = [sys.executable, "-m", "soapsvc", "serve", "--demo", "--port", str(PORT)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        while time.monotonic() - started < DEADLINE:
            try:
                with urlopen(f"http://127.0.0.1:{PORT}/health/ready") as answer:
                    if answer.status == 200:
                        return time.monotonic() - started
            except (URLError, ConnectionError):
                time.sleep(0.005)
        raise SystemExit(f"no answer within {DEADLINE} s")
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Measure and print."""
    first, later = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            first.append(seconds_until_ready(Path(folder)))
            later.append(seconds_until_ready(Path(folder)))
    print(f"until the first answer, median of {ROUNDS} (best - worst):")
    for name, times in (("on an empty folder", first), ("second start", later)):
        print(f"  {name:<20}{statistics.median(times):5.2f} s  ({min(times):.2f} - {max(times):.2f})")
    print(f"  second / first      {statistics.median(later) / statistics.median(first):5.2f}")


if __name__ == "__main__":
    main()
