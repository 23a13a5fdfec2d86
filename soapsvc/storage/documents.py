"""Documents of versions, and the template packages that they are made of."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.document import Document, NewDocument, Template, TemplatePackage
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.version_tables import document, template

_INSERT = Statement(insert_into(document))
_IS_OF_SESSION = sa.and_(document.c.session_guid == sa.bindparam("session"), of_tenancy(document))
_DELETE = Statement(sa.delete(document).where(_IS_OF_SESSION))
_OF_SESSION = Statement(
    sa.select(*(column for column in document.c if column is not document.c.content))
    .where(_IS_OF_SESSION)
    .order_by(document.c.position)
)
# In two steps, for no two may have one place at any time: to where no others are, and from there one further.
_PUT_ASIDE = Statement(
    sa.update(document)
    .where(_IS_OF_SESSION, document.c.position >= sa.bindparam("place"))
    .values(position=-1 - document.c.position)
)
_PUT_BACK = Statement(
    sa.update(document).where(_IS_OF_SESSION, document.c.position < 0).values(position=-document.c.position)
)
_WHOLE = Statement(sa.select(document).where(_IS_OF_SESSION, document.c.id == sa.bindparam("document")))

_IS_OF_PACKAGE = sa.and_(template.c.package_id == sa.bindparam("package"), of_tenancy(template))
_INSERT_TEMPLATE = Statement(insert_into(template))
_DELETE_TEMPLATES = Statement(sa.delete(template).where(_IS_OF_PACKAGE))
_TEMPLATES = Statement(
    sa.select(template.c.name, template.c.media_type, template.c.content)
    .where(_IS_OF_PACKAGE)
    .order_by(template.c.position)
)
_PACKAGES = Statement(
    sa.select(template.c.package_id, sa.func.count().label("templates"))
    .where(of_tenancy(template))
    .group_by(template.c.package_id)
    .order_by(template.c.package_id)
)


def replace(tx: Transaction, session: str, new: Sequence[NewDocument]) -> None:
    """Store the documents of a version in place of those that it had."""
    _DELETE.change(tx, session=session)
    rows = [_row(session, position, one) for position, one in enumerate(new)]
    if rows:
        _INSERT.change_each(tx, rows)


def insert(tx: Transaction, session: str, new: NewDocument, position: int) -> Document:
    """Store a document at a place among those of a version, the later ones after it."""
    _PUT_ASIDE.change(tx, session=session, place=position)
    _PUT_BACK.change(tx, session=session)
    row = _row(session, position, new)
    _INSERT.change(tx, **row)
    return Document(
        id=row["id"],
        position=position,
        name=new.name,
        media_type=new.media_type,
        size=row["size"],
        digest=row["digest"],
    )


def of_session(tx: Transaction, session: str) -> Sequence[Document]:
    """Give the documents of a version, in their order, without their contents."""
    return [_document(row) for row in _OF_SESSION.rows(tx, session=session)]


def find(tx: Transaction, session: str, document_id: str) -> tuple[Document, bytes] | None:
    """Give a document of a version, and its content."""
    row = _WHOLE.row(tx, session=session, document=document_id)
    return None if row is None else (_document(row), row.content)


def put_package(tx: Transaction, package: TemplatePackage) -> bool:
    """Store a template package in place of the one of its id; say whether it is new."""
    is_new = _DELETE_TEMPLATES.change(tx, package=package.id) == 0
    rows = [
        {
            "package_id": package.id,
            "position": position,
            "name": one.name,
            "media_type": one.media_type,
            "content": one.content,
        }
        for position, one in enumerate(package.templates)
    ]
    _INSERT_TEMPLATE.change_each(tx, rows)
    return is_new


def find_package(tx: Transaction, package_id: str) -> TemplatePackage | None:
    """Give the template package of this id."""
    rows = _TEMPLATES.rows(tx, package=package_id)
    templates = [Template(name=row.name, media_type=row.media_type, content=row.content) for row in rows]
    return TemplatePackage(id=package_id, templates=templates) if templates else None


def packages(tx: Transaction) -> Sequence[tuple[str, int]]:
    """Give the ids of the template packages, and how many templates each has."""
    return [(row.package_id, row.templates) for row in _PACKAGES.rows(tx)]


def _row(session: str, position: int, new: NewDocument) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "session_guid": session,
        "position": position,
        "name": new.name,
        "media_type": new.media_type,
        "size": len(new.content),
        "digest": new.digest,
        "content": new.content,
    }


def _document(row: Any) -> Document:
    return Document(
        id=row.id,
        position=row.position,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        digest=row.digest,
    )
