"""The description of this door for programs and for people: a page that loads nothing from anywhere."""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache

import markupsafe
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from soapsvc.rest import openapi, problems
from soapsvc.rest.media import JSON
from soapsvc.rest.services import PAGE, Urls

DOCUMENT = "/documentation/openapi.json"
_HTML = "text/html; charset=utf-8"


def pages(urls: Urls) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
    """Give what is answered to a GET, by paths."""

    async def document(_: Request) -> Response:
        return Response(_document(urls), media_type=JSON, headers={"cache-control": "no-cache"})

    async def page(_: Request) -> Response:
        content, policy = _page(urls)
        headers = {"content-security-policy": policy, "x-content-type-options": "nosniff", "cache-control": "no-cache"}
        return Response(content, media_type=_HTML, headers=headers)

    return {DOCUMENT: document, PAGE: page}


@cache
def _document(urls: Urls) -> bytes:
    return msgspec.json.encode(openapi.document(urls))


@cache
def _page(urls: Urls) -> tuple[str, str]:
    """Give the page, and the policy that lets a browser use its own style and nothing else."""
    import jinja2  # noqa: PLC0415 - takes its time to import, and few ask for the page

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("soapsvc.rest"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    content = environment.get_template("index.html").render(
        api=openapi.document(urls), problems=sorted(problems.KINDS.values(), key=_place), type=problems.TYPE
    )
    (style,) = re.findall(r"<style>(.*?)</style>", content, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return content, policy


def _code(text: str) -> markupsafe.Markup:
    """Show what stands between backquotes as code."""
    return markupsafe.Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(markupsafe.escape(text))))  # noqa: S704 - escaped before


def _place(kind: problems.Kind) -> tuple[int, str]:
    return kind.status, kind.name
