"""The answers of a work item as a resource, in JSON or as HotDocs writes them in XML."""

from soapsvc import answer_xml
from soapsvc.domain.data import FieldType
from soapsvc.domain.work_item import WorkItem
from soapsvc.rest.conditions import entity_tag, is_unchanged
from soapsvc.rest.media import JSON
from soapsvc.rest.operations import Answer, Call, answer, with_headers
from soapsvc.rest.representations import shown_item
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import versions


def show(tx: Transaction, call: Call) -> Answer:
    """Show the answers: with those on top that are not saved yet."""
    item, answers = versions.get_answers(tx, call.caller, call.item, call.version(tx))
    if is_unchanged(call.none_match, item.version):
        return Answer(status=304, headers={"etag": entity_tag(item.version), "vary": "Accept"})
    if call.accepted == JSON:
        shown = answer(answers, version=item.version)
    else:
        dates = {field.name for field in item.fields if field.type is FieldType.DATE}
        shown = Answer(
            body=answer_xml.write(answers, dates=dates),
            media_type=f"{call.accepted}; charset=utf-8",
            headers={"etag": entity_tag(item.version)},
        )
    return with_headers(shown, vary="Accept")


def replace(tx: Transaction, call: Call) -> Answer:
    """Let these be all answers."""
    return _changed(call, versions.replace_answers(tx, call.caller, call.item, call.body, call.version(tx)))


def overlay(tx: Transaction, call: Call) -> Answer:
    """Change the answers that are named."""
    return _changed(call, versions.overlay_answers(tx, call.caller, call.item, call.body, call.version(tx)))


def _changed(call: Call, item: WorkItem) -> Answer:
    return answer(shown_item(item, call.services.urls), version=item.version)
