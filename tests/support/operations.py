"""The operations that take a version, each as the content of a request in which `{}` stands for the item."""

BODY = "<workItemPayload><dataModel/></workItemPayload>"
READS = {
    "getWorkItemHeader": "{}",
    "getOfferSet": "{}",
    "previewWorkItemFromList": '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>{}',
    "getWorkItemHistory": "{}",
}
WRITES = {
    "openWorkItem": "{}",
    "closeWorkItem": "{}",
    "allocateWorkItem": "{}<resource>ana</resource>",
    "allocateAndOpenWorkItem": "{}<resource>ana</resource>",
    "unallocateWorkItem": "{}",
    "completeWorkItem": f"{{}}{BODY}",
    "skipWorkItem": "{}",
    "reallocateWorkItem": "{}<resource>ana</resource><revertData>false</revertData>",
    "reallocateWorkItemData": f"{{}}<resource>ana</resource>{BODY}",
    "saveOpenWorkItem": f"{{}}{BODY}",
    "pendWorkItem": '{}<hiddenPeriod><hiddenDuration hours="2"/></hiddenPeriod>',
    "setWorkItemPriority": (
        "<workItemIDandPriority>{}<workItemPriority><absPriority>10</absPriority></workItemPriority>"
        "</workItemIDandPriority>"
    ),
    "enableWorkItem": "{}<itemBody><dataModel/></itemBody>",
    "rescheduleWorkItem": "{}<itemSchedule><targetDate>2999-01-01T00:00:00Z</targetDate></itemSchedule>",
    "cancelWorkItem": "{}",
    "suspendWorkItem": "{}",
    "resumeWorkItem": "{}",
}
VERSIONED = READS | WRITES

BATCHES = frozenset(VERSIONED) - {
    "completeWorkItem",
    "getOfferSet",
    "saveOpenWorkItem",
    "enableWorkItem",
    "rescheduleWorkItem",
    "cancelWorkItem",
    "suspendWorkItem",
    "resumeWorkItem",
    "getWorkItemHistory",
}
"""Of these, the operations whose requests may name many items."""

# The state that an item must be in for an operation to succeed; any will do for the others.
NEEDED_STATE = {
    "openWorkItem": "ALLOCATED",
    "closeWorkItem": "OPENED",
    "allocateWorkItem": "OFFERED",
    "allocateAndOpenWorkItem": "OFFERED",
    "unallocateWorkItem": "ALLOCATED",
    "completeWorkItem": "OPENED",
    "skipWorkItem": "ALLOCATED",
    "saveOpenWorkItem": "OPENED",
    "pendWorkItem": "ALLOCATED",
    "enableWorkItem": "CREATED",
    "resumeWorkItem": "SUSPENDED",
}


def content(operation: str, *items: tuple[int, int | str | None]) -> str:
    """Give the content of a request for items, each an id and a version or none."""
    identities = [
        f'<workItemID id="{item}"/>' if version is None else f'<workItemID id="{item}" version="{version}"/>'
        for item, version in items
    ]
    prefix, _, rest = VERSIONED[operation].partition("{}")
    if operation == "previewWorkItemFromList":  # one entity, then all items
        return prefix + "".join(identities)
    return "".join(f"{prefix}{identity}{rest}" for identity in identities)
