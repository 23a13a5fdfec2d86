"""Organisations of every shape that hypothesis thinks of, and a small one that people can read."""

from hypothesis import strategies as st

from soapsvc.domain.caller import ALLOWED_TO_ALL, SystemAction
from soapsvc.domain.organisation import RELATIONS, EntityType
from soapsvc.domain.organisation_model import EntityName, Link, ModelEntity, OrganisationModel, PrivilegeGrant

T = EntityType

# What a careless writer of YAML would spoil, and what a careless reader would take for something else.
NAMES = (
    "A",
    "b",
    "yes",
    "null",
    "1.0",
    "- x",
    "a # b",
    "'q'",
    "\u00dcnit",
    "{x}",
    "0x1f",
    "2026-01-01",
    "&a",
    "\U0001f600",
)
ORDER = (
    T.ORGANIZATION, T.ORGANIZATIONAL_UNIT, T.POSITION, T.GROUP, T.PRIVILEGE, T.CAPABILITY, T.RESOURCE,
)  # fmt: skip


@st.composite
def organisations(draw, most: int = 4) -> OrganisationModel:
    """Give organisations that can be; their GUIDs come from one small set: two of them have entities in common."""
    entities: list[ModelEntity] = []
    links: set[Link] = set()
    for kind in ORDER:
        names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=most))
        guids = draw(st.permutations([f"{kind}-{number}" for number in range(most)]))
        for name, guid in zip(names, guids, strict=False):
            limit = draw(st.none() | st.integers(0, 9)) if kind is T.RESOURCE else None
            entity = ModelEntity(type=kind, name=name, guid=guid, max_open_items=limit)
            above = [one.key for one in entities if (one.type, kind) in RELATIONS]
            if kind in {T.ORGANIZATIONAL_UNIT, T.POSITION} and not above:
                continue
            least = 1 if kind in {T.ORGANIZATIONAL_UNIT, T.POSITION} else 0
            most_above = 1 if kind in {T.ORGANIZATIONAL_UNIT, T.POSITION, T.GROUP} else 5
            chosen = draw(st.sets(st.sampled_from(above), min_size=least, max_size=most_above)) if above else set()
            links |= {Link(name, entity.key) for name in chosen}
            held = [one.key for one in entities if (kind, one.type) in RELATIONS and one.type is T.CAPABILITY]
            links |= {Link(entity.key, name) for name in (draw(st.sets(st.sampled_from(held))) if held else ())}
            entities.append(entity)
    return OrganisationModel(
        entities=tuple(entities),
        links=frozenset(links),
        grants=frozenset(draw(_grants(entities))),
        denied=draw(st.frozensets(st.sampled_from(sorted(ALLOWED_TO_ALL)))),
    )


@st.composite
def _grants(draw, entities: list[ModelEntity]) -> set[PrivilegeGrant]:
    privileges = [one.name for one in entities if one.type is T.PRIVILEGE]
    units = [one.name for one in entities if one.type is T.ORGANIZATIONAL_UNIT]
    if not privileges:
        return set()
    one = st.builds(
        PrivilegeGrant, st.sampled_from(privileges), st.sampled_from(SystemAction), st.sampled_from([None, *units])
    )
    return draw(st.sets(one, max_size=6))


def named(kind: EntityType, name: str) -> EntityName:
    return EntityName(kind, name)


CLAIMS, MOTOR, LEGAL = (named(T.ORGANIZATIONAL_UNIT, name) for name in ("Claims", "Motor", "Legal"))
ADJUSTER = named(T.POSITION, "Adjuster")
EXPERTS, FRAUD = named(T.GROUP, "Experts"), named(T.GROUP, "Fraud experts")
ANA, BEN, CARL, SUPERVISOR = (named(T.RESOURCE, name) for name in ("ana", "ben", "carl", "supervisor"))
CLERK = named(T.PRIVILEGE, "Clerk")
FRENCH = named(T.CAPABILITY, "French")
INSURANCE = named(T.ORGANIZATION, "Insurance")


def insurance(*grants: tuple[SystemAction, str | None], denied: frozenset[SystemAction] = frozenset()):
    """ana adjusts claims in Motor, a unit of Claims; ben is a fraud expert; carl is in Legal. Adjusters are clerks."""
    names = (
        INSURANCE, CLAIMS, MOTOR, LEGAL, ADJUSTER, EXPERTS, FRAUD, FRENCH, CLERK, ANA, BEN, CARL, SUPERVISOR,
    )  # fmt: skip
    return OrganisationModel(
        entities=tuple(ModelEntity(type=name.type, name=name.name, guid=f"GUID-of-{name.name}") for name in names),
        links=frozenset(
            {
                Link(INSURANCE, CLAIMS), Link(INSURANCE, LEGAL), Link(CLAIMS, MOTOR), Link(MOTOR, ADJUSTER),
                Link(EXPERTS, FRAUD), Link(ADJUSTER, ANA), Link(FRAUD, BEN), Link(LEGAL, CARL), Link(ADJUSTER, CLERK),
                Link(BEN, FRENCH),
            }
        ),
        grants=frozenset(PrivilegeGrant("Clerk", action, scope) for action, scope in grants),
        denied=denied,
    )  # fmt: skip
