"""Small parts of requests, and of what they left, that the tests of many operations share."""

from soapsvc.domain.work_item import WorkItem


def identity(item: WorkItem, version: int | None = None) -> str:
    """Name an item, at a version if one is given."""
    return f'<workItemID id="{item.id}"/>' if version is None else f'<workItemID id="{item.id}" version="{version}"/>'


def notes(text: str) -> str:
    """Give the payload that sets the field Notes."""
    field = f'<inouts name="Notes" type="String"><simpleSpec><value>{text}</value></simpleSpec></inouts>'
    return f"<workItemPayload><dataModel>{field}</dataModel></workItemPayload>"


def values(item: WorkItem, name: str) -> tuple[str, ...]:
    """Give the values of an item's field."""
    (found,) = [field.values for field in item.fields if field.name == name]
    return found
