"""The documents of a version as resources."""

from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from soapsvc.domain.document import MOST_DOCUMENTS
from soapsvc.rest import payloads
from soapsvc.rest.conditions import entity_tag
from soapsvc.rest.operations import Answer, Call, answer
from soapsvc.rest.representations import shown_document
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import versions


class PlaceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where among its documents a version gets another."""

    assembledorder: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=MOST_DOCUMENTS,
                description="Its place among the documents, from 0 on; without it, after all of them.",
            ),
        ]
        | None
    ) = None


def add(tx: Transaction, call: Call) -> Answer:
    """Add a document to a version in post-processing; those from its place on move by one.

    The item's version stays as it is.
    """
    services, place = call.services, call.query.assembledorder
    item, document = versions.add_document(
        tx, call.caller, call.target(tx), call.body, place, most_bytes=services.document_bytes
    )
    shown = shown_document(document, item.guid, call.session, services.urls)
    return answer(shown, status=201, version=item.version, location=shown.content_url)


def list_all(tx: Transaction, call: Call) -> Answer:
    """Show the documents of a version, in their order."""
    item, session = versions.get_version(tx, call.caller, call.target(tx))
    found = versions.list_documents(tx, call.caller, call.target(tx))
    urls = call.services.urls
    shown = [shown_document(one, item.guid, session.guid, urls) for one in found]
    return answer(payloads.Documents(documents=shown), version=item.version)


def read(tx: Transaction, call: Call) -> Answer:
    """Give the content of a document, as a file to be kept: a browser shall not run what a template may have made."""
    item, _ = versions.get_version(tx, call.caller, call.target(tx))
    document, content = versions.read_document(tx, call.caller, call.target(tx), call.guid("documentId"))
    headers = {
        "etag": entity_tag(item.version),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    return Answer(body=content, media_type=document.media_type, headers=headers)
