"""The tenancies in the database."""

from collections.abc import Sequence

import sqlalchemy as sa

from soapsvc.domain.errors import NameTaken
from soapsvc.domain.tenancy import Tenancy
from soapsvc.storage import telling
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import tenancy
from soapsvc.storage.transaction import Transaction

_EVERY = Statement(sa.select(tenancy).order_by(tenancy.c.moniker))
_FIND = Statement(sa.select(tenancy).where(tenancy.c.moniker == sa.bindparam("key")))
_ADD = Statement(
    sa.insert(tenancy)
    .values(moniker=sa.bindparam("moniker"), name=sa.bindparam("name"), version_required=None)
    .returning(tenancy.c.id)
)
_SET_VERSION_REQUIRED = Statement(
    sa.update(tenancy).where(tenancy.c.id == sa.bindparam("which")).values(version_required=sa.bindparam("is_required"))
)


def add(tx: Transaction, *, moniker: str, name: str) -> Tenancy:
    """Add a tenancy, which is empty. Raises NameTaken for a moniker that exists."""
    if find(tx, moniker) is not None:
        raise NameTaken(moniker)
    telling.everybody(tx)
    return Tenancy(id=_ADD.value(tx, moniker=moniker, name=name), moniker=moniker, name=name)


def find(tx: Transaction, moniker: str) -> Tenancy | None:
    """Give the tenancy of this moniker, in whatever case it is written."""
    row = _FIND.row(tx, key=moniker.casefold())
    return None if row is None else Tenancy(**row._asdict())


def every(tx: Transaction) -> Sequence[Tenancy]:
    """Give all tenancies, by moniker."""
    return [Tenancy(**row._asdict()) for row in _EVERY.rows(tx)]


def set_version_required(tx: Transaction, which: Tenancy, is_required: bool | None) -> None:
    """Set a tenancy's own rule for changes without a version, or none."""
    telling.everybody(tx)
    _SET_VERSION_REQUIRED.change(tx, which=which.id, is_required=is_required)
