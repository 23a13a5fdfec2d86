"""All that entities are in, directly or not, as a recursive part of statements."""

from typing import Any

import sqlalchemy as sa

from soapsvc.storage.tables import membership, of_tenancy, privilege_holding


def containers_of(start: sa.Select[Any]) -> sa.CTE:
    """Give what an id selects, and all that contains it, as a table with one column, `id`."""
    containers = start.cte("containers", recursive=True)
    more = sa.select(membership.c.container_id).where(of_tenancy(membership), membership.c.member_id == containers.c.id)
    return containers.union(more)


def containers_of_one(parameter: str) -> sa.CTE:
    """Give the entity whose id is bound to a parameter, and all that contains it."""
    return containers_of(sa.select(sa.bindparam(parameter, type_=sa.BigInteger).label("id")))


def all_of_one(parameter: str) -> sa.Select[Any]:
    """Give the entity whose id is bound to a parameter, all that contains it, and all that it and those hold."""
    containers = containers_of_one(parameter)
    ids = sa.select(containers.c.id)
    holdings = sa.select(privilege_holding.c.privilege_id.label("id")).where(
        of_tenancy(privilege_holding), privilege_holding.c.holder_id.in_(ids)
    )
    return sa.select(sa.union(ids, holdings).cte("all_of_one").c.id)
