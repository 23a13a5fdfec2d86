"""What Spyne 2.14 needs before it can be imported on Python 3.12 and newer.

It vendors an old `six` whose import hook knows only the protocol that 3.12 dropped. Here the hook learns the new one.
(`cgi`, gone in 3.13, comes from the package legacy-cgi.)
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_SIX = "spyne.util.six"
_FIRST_WITHOUT_OLD_HOOKS = (3, 12)


def install() -> None:
    """Make Spyne importable; once is enough, more does no harm."""
    if sys.version_info >= _FIRST_WITHOUT_OLD_HOOKS and _SIX not in sys.modules:
        _load_six()


def _load_six() -> None:
    spyne = importlib.util.find_spec("spyne")
    if spyne is None or spyne.origin is None:
        raise ModuleNotFoundError("spyne is not installed", name="spyne")
    spec = importlib.util.spec_from_file_location(_SIX, Path(spyne.origin).parent / "util" / "six.py")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{_SIX} cannot be loaded", name=_SIX)
    six: Any = importlib.util.module_from_spec(spec)
    sys.modules[_SIX] = six
    spec.loader.exec_module(six)
    hook = six._SixMetaPathImporter
    hook.find_spec = _find_spec
    hook.create_module = lambda self, spec: self.load_module(spec.name)
    hook.exec_module = _leave_as_it_is


def _find_spec(hook: Any, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG001
    return ModuleSpec(name, hook) if name in hook.known_modules else None


def _leave_as_it_is(_: Any, __: ModuleType) -> None:
    """Run nothing: the module was made by create_module."""
