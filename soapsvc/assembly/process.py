"""The process that assembles: reads what to do from standard input, and writes a line for each document.

It knows nothing of the service but what it is told, and limits itself before it looks at a template. Templates are
Jinja2's, in its sandbox; answers stand in them by their names, and all of them in `answers`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from jinja2 import DictLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment


def main() -> None:
    """Make the documents, one line of JSON each; the first template that fails ends it."""
    order = json.load(sys.stdin)
    _limit(int(order["memory_bytes"]), float(order["seconds"]))
    sources = dict(order["templates"])
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(sources),
        undefined=StrictUndefined,
        autoescape=lambda name: name in order["autoescaped"],
        finalize=lambda value: "" if value is None else value,
        keep_trailing_newline=True,
    )
    answers = {name: _answer(value) for name, value in order["answers"].items()}
    left = int(order["document_bytes"])
    for name in sources:
        try:
            document = _rendered(environment, name, answers, left)
        except MemoryError:
            return _write({"error": _error(name, "it takes more memory than it may")})
        except Exception as error:  # whatever a template does is its own fault
            return _write({"error": _error(name, _reason(error), _line(error))})
        left -= len(document.encode())
        _write({"document": document})
    return None


def _limit(memory_bytes: int, seconds: float) -> None:
    """Let the system end this process where it takes too much; where the system cannot, its parent still can."""
    try:
        import resource  # noqa: PLC0415 - there is none for Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _rendered(
    environment: ImmutableSandboxedEnvironment, name: str, answers: Mapping[str, Any], most_bytes: int
) -> str:
    pieces: list[str] = []
    size = 0
    for piece in environment.get_template(name).generate({**answers, "answers": answers}):
        size += len(piece.encode())
        if size > most_bytes:
            raise ValueError("its document is larger than it may be")
        pieces.append(piece)
    return "".join(pieces)


def _answer(value: Any) -> Any:
    if isinstance(value, list):
        return [_answer(one) for one in value]
    return Decimal(value["number"]) if isinstance(value, dict) else value


def _error(template: str, reason: str, line: int | None = None) -> Mapping[str, Any]:
    return {"template": template, "reason": reason[:500], "line": line}


def _reason(error: Exception) -> str:
    if isinstance(error, TemplateError):
        return error.message or type(error).__name__
    return f"{type(error).__name__}: {error}"


def _line(error: Exception) -> int | None:
    """Give the line of the template: Jinja2 says it of syntax, and puts it into the traceback of all else."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    lines: Sequence[int] = _lines_of_template(error)
    return lines[-1] if lines else None


def _lines_of_template(error: Exception) -> Sequence[int]:
    found: list[int] = []
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename in {"<template>", "<unknown>"}:
            found.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def _write(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
