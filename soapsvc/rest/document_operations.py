"""The documents of a version as resources."""

from urllib.parse import quote

from soapsvc.rest import payloads
from soapsvc.rest.conditions import entity_tag
from soapsvc.rest.operations import Answer, Call, answer
from soapsvc.rest.representations import shown_document
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import versions


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
