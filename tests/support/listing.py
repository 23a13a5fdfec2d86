"""Whose lists the tests of lists read: an organisation, and what a row of a list is asked for."""

from datetime import UTC, datetime

from soapsvc.domain.organisation import EntityType
from soapsvc.domain.organisation_model import Link, ModelEntity, OrganisationModel
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.work_lists import Paging

NOW = datetime(2026, 11, 22, tzinfo=UTC)
T = EntityType
COMPANY = ModelEntity(type=T.ORGANIZATION, name="Company", guid="GUID-of-Company")
UNIT = ModelEntity(type=T.ORGANIZATIONAL_UNIT, name="Unit", guid="GUID-of-Unit")
CLERKS = ModelEntity(type=T.GROUP, name="Clerks", guid="GUID-of-Clerks")
POSITION = ModelEntity(type=T.POSITION, name="Head", guid="GUID-of-Head")
ANA, BEN = (ModelEntity(type=T.RESOURCE, name=name, guid=f"GUID-of-{name}") for name in ("ana", "ben"))
OTHERS = tuple(ModelEntity(type=T.RESOURCE, name=name, guid=f"GUID-of-{name}") for name in ("carl", "supervisor"))
# ana is among the clerks and in the position, ben among the clerks; the group and the position are in the unit.
MODEL = OrganisationModel(
    entities=(COMPANY, UNIT, CLERKS, POSITION, ANA, BEN, *OTHERS),
    links=frozenset(
        Link(above.key, below.key)
        for above, below in (
            (COMPANY, UNIT), (UNIT, CLERKS), (UNIT, POSITION), (CLERKS, ANA), (CLERKS, BEN), (POSITION, ANA),
        )
    ),
)  # fmt: skip
IN = {  # whose offers each of them is reached by
    "GUID-of-ana": {"GUID-of-ana", "GUID-of-Clerks", "GUID-of-Head", "GUID-of-Unit", "GUID-of-Company"},
    "GUID-of-ben": {"GUID-of-ben", "GUID-of-Clerks", "GUID-of-Unit", "GUID-of-Company"},
    "GUID-of-carl": {"GUID-of-carl"},
    "GUID-of-Clerks": {"GUID-of-Clerks", "GUID-of-Unit", "GUID-of-Company"},
    "GUID-of-Unit": {"GUID-of-Unit", "GUID-of-Company"},
}
EVERYTHING = Paging(most=1000)


def ids(page) -> list[int]:
    return [item.id for item in page.items]


def it(item_id: int) -> ItemReference:
    return ItemReference(id=item_id)
