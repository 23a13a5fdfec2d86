"""The contract's files hold what the specification's pages list: messages, types, enumerations, faults."""

import pytest

from tests.support.soap import ROOT_NAME, SERVICE_OF, answer_of, root_of
from tests.support.xsd import XS, Member, Schemas

API = "http://api.brm.n2.tibco.com"
BRM = "http://exception.api.brm.n2.tibco.com"
DE = "http://exception.api.de.n2.tibco.com"
DATA = "http://datamodel.common.n2.tibco.com"
RESOLVER = "http://resolver.api.de.n2.tibco.com"
OWN = "urn:soapsvc:v1"
SCHEMAS = Schemas()
OCCURRENCES = {"": (1, 1), "?": (0, 1), "*": (0, None), "+": (1, None)}


def _plain(type_name: str) -> list[Member]:
    """Give a type's members without lengths and values, which other tests look at."""
    found = SCHEMAS.members(type_name)
    return [Member(m.name, m.kind, "string" if m.values else m.type, (), m.least, m.most) for m in found]


def _member(written: str) -> Member:
    """Read `name:Type`, with `?`, `*` or `+` behind it as in the specification, and `@` before an attribute."""
    text, mark = (written[:-1], written[-1]) if written[-1] in "?*+" else (written, "")
    name, _, type_ = text.partition(":")
    least, most = OCCURRENCES[mark]
    return Member(name.lstrip("@"), "attribute" if name[0] == "@" else "element", type_, (), least, most)


# Specification, section 4; `(...)+` is a group that repeats as a whole. A choice reads as members that may be absent.
ID = "workItemID:ManagedObjectID"
BODY = "workItemPayload:WorkItemBody"
CRITERIA = "orderFilterCriteria:OrderFilterCriteria"
PAGING = "@startPosition:long? @numberOfItems:long?"
ITEM_PAGING = f"{PAGING} @getTotalCount:boolean? @getEnhancedAttributes:boolean? @cursor:string?"
ITEM_PAGE = (
    "startPosition:long endPosition:long totalItems:long workItems:WorkItem* @nextCursor:string? @changeMark:string?"
)
SHOWN = f"entityID:XmlModelEntityId? resourcesRequired:string? {CRITERIA}?"
SHARED = "authors:XmlModelEntityId* users:XmlModelEntityId* customData:string?"
SAID = "@name:string @description:string? @owner:string? @public:boolean? @getAllocatedItems:boolean?"
VIEW_ID = "@workListViewID:long"
VIEW_PAGES = (f"{PAGING} @apiVersion:int?", "workListViews:WorkListViewPageItem*")
MESSAGES = {
    "getWorkItemHeader": (f"{ID}+", "workItemHeader:WorkItemHeader+"),
    "openWorkItem": (f"{ID}+", "workItemBody:WorkItemBody+"),
    "closeWorkItem": (f"({ID} {BODY}? hiddenPeriod:HiddenPeriod?)+", f"{ID}+"),
    "allocateWorkItem": (f"({ID} resource:string?)+", "workItem:WorkItem+"),
    "allocateAndOpenWorkItem": (f"({ID} resource:string)+", "workItem:WorkItem+"),
    "allocateAndOpenNextWorkItem": ("resource:string workListViewID:long?", "workItem:WorkItem"),
    "unallocateWorkItem": (f"{ID}+", "workItem:WorkItem+"),
    "completeWorkItem": (f"{ID} {BODY} getNextPiledItem:boolean?", "groupID:long? nextWorkItem:ManagedObjectID?"),
    "skipWorkItem": (f"{ID}+", "success:boolean"),
    "reallocateWorkItem": (f"({ID} resource:string revertData:boolean)+", "workItem:WorkItem+"),
    "reallocateWorkItemData": (f"({ID} resource:string {BODY})+", "workItem:WorkItem+"),
    "getOfferSet": (f"{ID} apiVersion:int?", "entityGuid:string* entityId:XmlModelEntityId*"),
    "saveOpenWorkItem": (f"{ID} {BODY}", ID),
    "pendWorkItem": (f"({ID} hiddenPeriod:HiddenPeriod)+", f"{ID}+"),
    "setWorkItemPriority": ("workItemIDandPriority:WorkItemIDandPriority+", f"{ID}+"),
    "previewWorkItemFromList": (
        f"entityID:XmlModelEntityId {ID}+ requiredField:string* requireWorkType:boolean?",
        "workItemPreview:WorkItemPreview+",
    ),
    "scheduleWorkItem": (
        "item:ScheduledItem itemSchedule:ItemSchedule? itemContext:ItemContext itemBody:ItemBody",
        "workItemID:ScheduledObjectID",
    ),
    "scheduleWorkItemWithWorkModel": (
        "itemSchedule:ItemSchedule? itemContext:ItemContext itemBody:ItemBody? dynamicEntities:EntityQuery? "
        "@workModelUID:string @workModelVersion:string? @groupID:long?",
        "workItemID:ScheduledObjectID",
    ),
    "enableWorkItem": (f"{ID} itemBody:ItemBody", "success:boolean"),
    "rescheduleWorkItem": (f"{ID} itemSchedule:ItemSchedule? itemBody:ItemBody?", "success:boolean"),
    "cancelWorkItem": (ID, "success:boolean"),
    "suspendWorkItem": (f"{ID} forceSuspend:boolean?", "success:boolean"),
    "resumeWorkItem": (ID, "success:boolean"),
    "lookupUser": (
        "@model-version:int? @name:string? @ldap-alias:string? @ldap-dn:string? @get-detail:boolean?",
        "detail:EntityDetail* @user-count:int",
    ),
    "getWorkItemHistory": (f"{ID} includeData:boolean?", "entry:HistoryEntry+"),
    "getWorkListItems": (
        f"resourcesRequired:string? entityID:XmlModelEntityId? {CRITERIA}? {ITEM_PAGING}",
        ITEM_PAGE,
    ),
    "getAllocatedWorkListItems": (f"entityID:XmlModelEntityId {CRITERIA}? {ITEM_PAGING}", ITEM_PAGE),
    "getWorkItemOrderFilter": ("limitColumns:short @apiVersion:int?", "columnData:ColumnDefinition*"),
    "getResourceOrderFilterCriteria": ("resourceID:string", CRITERIA),
    "setResourceOrderFilterCriteria": (f"{CRITERIA} @resourceID:string?", "success:boolean"),
    # research: the vendor's published schema of views
    "createWorkListView": (f"{SHOWN} {SHARED} {SAID}", VIEW_ID),
    "editWorkListView": (f"{SHOWN} {SHARED} {SAID} {VIEW_ID}", VIEW_ID),
    "deleteWorkListView": (VIEW_ID, VIEW_ID),
    "getWorkListViewDetails": (
        f"{VIEW_ID} @lockView:boolean? @apiVersion:int?",
        f"{SHOWN} {SHARED} {SAID} @workViewID:long @creationDate:dateTime @modificationDate:dateTime @locker:string?",
    ),
    "unlockWorkListView": (VIEW_ID, VIEW_ID),
    "getEditableWorkListViews": VIEW_PAGES,
    "getPublicWorkListViews": VIEW_PAGES,
    "getViewsForResource": VIEW_PAGES,
    "addCurrentResourceToView": (VIEW_ID, VIEW_ID),
    "deleteCurrentResourceFromView": (VIEW_ID, VIEW_ID),
    "getWorkListItemsForView": (f"{VIEW_ID} {ITEM_PAGING} @getAllocatedItems:boolean?", ITEM_PAGE),
    "awaitWorkListChange": (
        "entityID:XmlModelEntityId? changeMark:string? timeout:int?",
        "changed:boolean changeMark:string",
    ),
    "getAuditEntries": ("since:dateTime? until:dateTime? kind:string? most:int? after:long?", "entry:AuditEntry*"),
}


def test_the_specified_messages_are_those_of_all_operations() -> None:
    assert set(MESSAGES) == set(SERVICE_OF)


@pytest.mark.parametrize(("operation", "answer"), [(name, part) for name in MESSAGES for part in (False, True)])
def test_every_message_is_that_of_the_specification(operation: str, answer: bool) -> None:
    written = MESSAGES[operation][answer]
    type_name = SCHEMAS.type_of(answer_of(operation) if answer else root_of(operation))
    assert SCHEMAS.repeats(type_name) == written.startswith("(")
    assert _plain(type_name) == [_member(one) for one in written.removesuffix(")+").removeprefix("(").split()]


@pytest.mark.parametrize(("operation", "one_of"), [("completeWorkItem", 0), ("getOfferSet", 1)])
def test_an_answer_of_two_forms_is_a_choice(operation: str, one_of: int) -> None:
    (choice,) = SCHEMAS.types[SCHEMAS.type_of(f"{root_of(operation)}Response")]
    assert (choice.tag, int(choice.get("minOccurs", "1"))) == (f"{XS}choice", one_of)


def test_only_one_operation_has_a_root_of_another_name() -> None:
    # research: the vendor's element is scheduleWorkItemWithModel, though its operation has "WorkModel" in its name
    assert ROOT_NAME == {"scheduleWorkItemWithWorkModel": "scheduleWorkItemWithModel"}


# Specification, section 4, types: a name alone is optional, one with "!" is required; elements in order.
TYPES = {
    (API, "ObjectID"): ("", "id!"),
    (API, "ManagedObjectID"): ("", "id! version"),
    (API, "ScheduledObjectID"): ("", "id! guid"),
    (API, "BaseItemInfo"): ("name description", "priority distributionStrategy groupID"),
    (API, "ScheduledItem"): (
        "name description workTypeID attributes entityQuery",
        "priority distributionStrategy groupID enabled",
    ),
    (API, "EntityQuery"): ("entityID", ""),
    (API, "ItemBody"): ("dataModel parameter", ""),
    (API, "ItemParameter"): ("Value ComplexValue", "Name! Array"),
    (API, "WorkItemIDandPriority"): ("workItemID workItemPriority", ""),
    (API, "WorkItemPriority"): ("absPriority offsetPriority", ""),
    (RESOLVER, "EntityDetail"): (
        "",
        "model-version entity-type! guid! qualifier name! alias dn resource-type!",
    ),
    (OWN, "AuditEntry"): ("", "id! at! kind! by byName address subject detail hash!"),
    (OWN, "HistoryEntry"): ("changed dataModel", "version! operation! at! by byName stateBefore stateAfter!"),
    (BRM, "WorkItemRescheduledFaultType"): ("error managedObjectId dataModel", ""),
    (API, "WorkItem"): ("id header attributes body workType state visible", ""),
    (API, "WorkItemHeader"): (
        "name description flags itemContext",
        "distributionStrategy! priority groupID startDate endDate id version state guid",
    ),
    (API, "ItemContext"): ("activityID activityName appInstance appName appID appInstanceDescription", ""),
    (API, "WorkItemBody"): ("dataModel", "id version versionGuid"),
    (API, "OrderFilterCriteria"): ("order filter", ""),
    (API, "ColumnDefinition"): ("", "id! name! description! type! capability!"),
    (API, "WorkListViewPageItem"): (
        "entityID resourcesRequired orderFilterCriteria",
        "name! description owner public getAllocatedItems workViewID! creationDate! modificationDate!",
    ),
    (API, "HiddenPeriod"): ("hiddenDuration visibleDate", ""),
    (API, "ItemDuration"): ("", "years months weeks days hours minutes"),
    (API, "ItemSchedule"): ("startDate maxDuration targetDate", ""),
    (API, "WorkItemPreview"): ("FieldPreview workType", "id! version!"),
    (API, "WorkItemAttributes"): ("", " ".join(f"attribute{n}" for n in range(1, 41))),
    (DATA, "DataModel"): ("inputs outputs inouts", ""),
    (DATA, "FieldType"): ("simpleSpec complexSpec", "name! type! optional array"),
    (DATA, "SimpleSpec"): ("value", "length decimal"),
    (DATA, "ComplexSpec"): ("value", "className goRefId"),
    (DATA, "WorkTypeSpec"): ("", "workTypeID! workTypeDescription! version"),
    ("http://api.organisation.common.n2.tibco.com", "XmlModelEntityId"): (
        "",
        "model-version entity-type! guid! qualifier",
    ),
    ("http://exception.api.common.n2.tibco.com", "DetailedException"): ("error", ""),
    ("http://exception.api.common.n2.tibco.com", "ErrorLine"): ("parameter", "code! message!"),
}


@pytest.mark.parametrize(("name", "members"), TYPES.items(), ids=[name for _, name in TYPES])
def test_every_type_has_the_members_of_the_specification(name: tuple[str, str], members: tuple[str, str]) -> None:
    found = SCHEMAS.members("{{{}}}{}".format(*name))
    elements = " ".join(member.name for member in found if member.kind == "element")
    attributes = " ".join(member.name + "!" * member.least for member in found if member.kind == "attribute")
    assert (elements, attributes) == members


ENUMERATIONS = {
    (RESOLVER, "ResourceType"): ["HUMAN", "DURABLE", "CONSUMABLE"],
    (API, "WorkItemState"): [
        "CREATED", "OFFERED", "ALLOCATED", "OPENED", "PENDED", "PENDHIDDEN", "SUSPENDED", "COMPLETED", "CANCELLED",
    ],
    (API, "ResourcesRequired"): ["ALL", "MINE"],
    (API, "ColumnType"): [
        "COL_UNSPECIFIED", "COL_NUMERIC", "COL_STRING", "COL_DATETIME", "COL_BOOLEAN", "COL_STATE", "COL_DISTSTRATEGY",
    ],
    (API, "ColumnCapability"): ["NONE", "ORDER", "FILTER", "BOTH_ORDER_FILTER"],
    (API, "ScheduleStatus"): ["NO_SCHEDULE", "BEFORE", "DURING", "AFTER"],
    (API, "DistributionStrategy"): ["OFFER", "ALLOCATE"],
    (DATA, "FieldTypeName"): [
        "String", "Decimal Number", "Integer Number", "Boolean", "Date", "Time", "Date Time", "Performer", "Complex",
        "Data Reference",
    ],
    ("http://api.organisation.common.n2.tibco.com", "OrganisationalEntityType"): [
        "ORGANIZATION", "ORGANIZATIONAL_UNIT", "GROUP", "POSITION", "PRIVILEGE", "CAPABILITY", "RESOURCE", "LOCATION",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "values"), ENUMERATIONS.items(), ids=[name for _, name in ENUMERATIONS])
def test_every_enumeration_has_the_values_of_the_specification(name: tuple[str, str], values: list[str]) -> None:
    declared = SCHEMAS.types["{{{}}}{}".format(*name)]
    assert [value.get("value") for value in declared.iter(f"{XS}enumeration")] == values


def _attribute_type(number: int) -> tuple[str, int | None]:
    """Give what the specification says of attribute1 to attribute40."""
    if number in {1, 15}:
        return "long", None
    if number in {5, 16, 17, 18}:
        return "decimal", None
    if number in {6, 7, 19, 20}:
        return "dateTime", None
    if number in {2, 3, 4} or 27 <= number <= 38:
        return "string", 64
    return "string", 255 if number in {39, 40} else 20


def test_the_forty_attributes_have_the_types_and_lengths_of_the_specification() -> None:
    found = SCHEMAS.members(f"{{{API}}}WorkItemAttributes")
    assert [(m.name, (m.type, m.longest)) for m in found] == [
        (f"attribute{number}", _attribute_type(number)) for number in range(1, 41)
    ]


def test_identities_and_versions_are_of_64_bits_everywhere() -> None:
    names = {"id", "version", "groupID"}
    found = [
        (type_name, member.type)
        for type_name, declared in SCHEMAS.types.items()
        if type_name.startswith(f"{{{API}}}") and declared.tag == f"{XS}complexType"
        if not type_name.endswith("}ColumnDefinition")  # whose id is a column's
        for member in SCHEMAS.members(type_name)
        if member.name in names and member.kind == "attribute"
    ]
    assert found
    assert {type_ for _, type_ in found} == {"long"}


NAMESPACE_OF_FAULT = {
    "InvalidVersionFault": BRM,
    "InvalidWorkItemFault": BRM,
    "WorkItemFault": BRM,
    "WorkItemRescheduledFault": BRM,
    "InvalidEntityFault": BRM,
    "OpenWorkItemLimitFault": BRM,
    "NoMoreWorkItemsFault": BRM,
    "WorkItemOrderFault": BRM,
    "WorkItemFilterFault": BRM,
    "InvalidWorkViewFault": BRM,
    "InternalServiceFault": BRM,
    "SecurityFault": DE,
    "InvalidRequestFault": "urn:soapsvc:v1",
}


@pytest.mark.parametrize(("name", "namespace"), NAMESPACE_OF_FAULT.items(), ids=NAMESPACE_OF_FAULT)
def test_every_fault_of_the_specification_is_a_global_element_with_error_lines(name: str, namespace: str) -> None:
    members = SCHEMAS.members(SCHEMAS.type_of(f"{{{namespace}}}{name}"))
    assert (members[0].name, members[0].type, members[0].least, members[0].most) == ("error", "ErrorLine", 0, None)
