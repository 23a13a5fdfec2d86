"""Assembles a template package: starts the process that does it, within a time, and takes what it made."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from soapsvc.domain.answers import Answers
from soapsvc.domain.document import NewDocument, TemplatePackage
from soapsvc.domain.version_errors import AssemblyFailed

_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "SYSTEMROOT", "LANG", "LC_ALL")


@dataclass(frozen=True, kw_only=True, slots=True)
class AssemblyLimits:
    """What assembling one package may take: seconds, bytes of memory, and bytes of all its documents."""

    seconds: float = 10.0
    memory_bytes: int = 512_000_000
    document_bytes: int = 10_000_000


def assemble(package: TemplatePackage, answers: Answers, limits: AssemblyLimits) -> Sequence[NewDocument]:
    """Make the documents of a package, in its order. Raises AssemblyFailed, which names the template."""
    order = {
        "templates": [_readable(template.name, template.content) for template in package.templates],
        "autoescaped": [one.name for one in package.templates if one.media_type.startswith("text/html")],
        "answers": {name: _plain(value) for name, value in answers.items()},
        "memory_bytes": limits.memory_bytes,
        "document_bytes": limits.document_bytes,
        "seconds": limits.seconds,
    }
    output, reason = _run(json.dumps(order).encode(), limits.seconds)
    made = [json.loads(line) for line in output.splitlines() if line.endswith(b"}")]
    if made and "error" in made[-1]:
        raise AssemblyFailed(**made[-1]["error"])
    if len(made) < len(package.templates):
        raise AssemblyFailed(package.templates[len(made)].name, reason)
    return [
        NewDocument(name=template.name, media_type=template.media_type, content=one["document"].encode())
        for template, one in zip(package.templates, made, strict=True)
    ]


def _run(order: bytes, seconds: float) -> tuple[bytes, str]:
    """Give what the process wrote, and why it may have ended before its end: too long, or too much."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "soapsvc.assembly.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment_of(os.environ),
    )
    try:
        output, _ = process.communicate(order, timeout=seconds)
    except subprocess.TimeoutExpired as expired:
        process.kill()
        process.communicate()
        return expired.stdout or b"", f"it took more than {seconds:g} seconds"
    return output, "it took more memory or time than it may"


def environment_of(service: Mapping[str, str]) -> Mapping[str, str]:
    """Give what the process is told of the service's environment: none of its settings, which may be secrets."""
    return {name: service[name] for name in _KEPT_VARIABLES if name in service}


def _readable(name: str, content: bytes) -> tuple[str, str]:
    try:
        return name, content.decode()
    except UnicodeDecodeError:
        raise AssemblyFailed(name, "it is not written in UTF-8") from None


def _plain(value: Any) -> Any:
    """Give an answer as JSON holds it: numbers that it would round as texts with a mark."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return {"number": format(value, "f")} if isinstance(value, Decimal) else value
