"""Domain values as clients see them."""

from datetime import datetime

from msgspec import UNSET, UnsetType

from soapsvc.domain import version_session, work_item
from soapsvc.domain.document import Document
from soapsvc.domain.organisation import Entity
from soapsvc.rest import payloads
from soapsvc.rest.services import Urls
from soapsvc.usecases.deliveries import ListedDelivery


def shown_item(item: work_item.WorkItem, urls: Urls) -> payloads.WorkItem:
    """Show a work item."""
    return payloads.WorkItem(
        id=item.id,
        guid=item.guid,
        version=item.version,
        session_version_id=item.session,
        state=item.state,
        name=item.name,
        description=item.description,
        priority=item.priority,
        owner=_person(item.owner) if item.owner else None,
        work_type_id=item.work_type_id,
        template_package_id=item.template_package_id,
        url=urls.work_item(item.guid),
    )


def shown_version(
    item: work_item.WorkItem, session: version_session.VersionSession, urls: Urls
) -> payloads.ItemVersion:
    """Show a version of a work item."""
    return payloads.ItemVersion(
        id=item.id,
        guid=item.guid,
        version=item.version,
        session_version_id=item.session,
        version_id=session.guid,
        status=session.state,
        status_url=urls.status(item.guid, session.guid),
        opened_by=_person(session.by),
        opened_at=_moment(session.opened_at),
        opened_version=session.opened_version,
        ended_version=session.ended_version,
        error=_error(session),
    )


def shown_status(item: work_item.WorkItem, session: version_session.VersionSession, urls: Urls) -> payloads.Status:
    """Show where a version stands."""
    status_url = urls.status(item.guid, session.guid)
    return payloads.Status(status=session.state, status_url=status_url, error=_error(session))


def shown_document(document: Document, item: str, session: str, urls: Urls) -> payloads.Document:
    """Show a document, without its content."""
    return payloads.Document(
        document_id=document.id,
        name=document.name,
        media_type=document.media_type,
        size=document.size,
        digest=document.digest,
        order=document.position,
        content_url=urls.content(item, session, document.id),
    )


def shown_delivery(delivery: ListedDelivery) -> payloads.Delivery:
    """Show a delivery with all its tries."""
    return payloads.Delivery(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        url=delivery.url,
        is_signed=delivery.is_signed,
        state=delivery.state,
        created_at=_moment(delivery.created_at),
        due_at=_moment(delivery.due_at) if delivery.due_at else None,
        attempts=[
            payloads.Attempt(
                number=one.number,
                at=_moment(one.at),
                milliseconds=one.milliseconds,
                outcome=one.outcome,
                status=one.status,
                detail=one.detail,
                answer=one.answer,
            )
            for one in delivery.attempts
        ],
    )


def _person(entity: Entity) -> payloads.Person:
    return payloads.Person(guid=entity.guid, name=entity.name, type=entity.type)


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(session: version_session.VersionSession) -> payloads.OperationError | UnsetType:
    error = session.error
    if error is None:
        return UNSET
    template = UNSET if error.template is None else error.template
    line = UNSET if error.line is None else error.line
    return payloads.OperationError(code=error.code, message=error.message, template=template, line=line)
