"""Every operation on an item in every situation, with no, the right, an old and a too high version, over SOAP.

The table below is written from section 5 of the contract, not from the service.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import pytest

from soapsvc import serving
from soapsvc.domain.caller import Caller
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.schedule import Duration, Period
from soapsvc.domain.work_item import Distribution, NewWorkItem, WorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.settings import Settings
from soapsvc.storage import history, work_items
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import Answer, InProcess
from soapsvc.usecases import allocation, completion, items, people, scheduling, work_types
from soapsvc.usecases.access import ItemReference
from tests.conftest import DEFAULT_TENANCY, Soap
from tests.support.soap import Fault, content_of

NOTES = Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True)
DATA = (
    "<workItemPayload><dataModel><inouts name='Notes' type='String'><simpleSpec><value>new</value></simpleSpec>"
    "</inouts></dataModel></workItemPayload>"
)
HOURS = "<hiddenPeriod><hiddenDuration hours='9'/></hiddenPeriod>"
NO_TIME = "<hiddenPeriod><hiddenDuration/></hiddenPeriod>"
ANA = "<resource>ana</resource>"

# How each row of the table asks, where @ stands for the item: the operation, and the content of its request.
ROWS = {
    "enable": ("enableWorkItem", "@<itemBody><dataModel/></itemBody>"),
    "allocate": ("allocateWorkItem", f"@{ANA}"),
    "allocate-open": ("allocateAndOpenWorkItem", f"@{ANA}"),
    "open": ("openWorkItem", "@"),
    "close": ("closeWorkItem", "@"),
    "close+data": ("closeWorkItem", f"@{DATA}"),
    "close+hide": ("closeWorkItem", f"@{HOURS}"),
    "save": ("saveOpenWorkItem", f"@{DATA}"),
    "complete": ("completeWorkItem", f"@{DATA}"),
    "skip": ("skipWorkItem", "@"),
    "unallocate": ("unallocateWorkItem", "@"),
    "reallocate": ("reallocateWorkItem", "@<resource>ben</resource><revertData>false</revertData>"),
    "revert": ("reallocateWorkItem", "@<resource>carl</resource><revertData>true</revertData>"),
    "reallocate+data": ("reallocateWorkItemData", f"@<resource>ben</resource>{DATA}"),
    "pend": ("pendWorkItem", f"@{HOURS}"),
    "unhide": ("pendWorkItem", f"@{NO_TIME}"),
    "suspend": ("suspendWorkItem", "@"),
    "resume": ("resumeWorkItem", "@"),
    "cancel": ("cancelWorkItem", "@"),
    "priority": (
        "setWorkItemPriority",
        "<workItemIDandPriority>@<workItemPriority><absPriority>7</absPriority></workItemPriority>"
        "</workItemIDandPriority>",
    ),
    "reschedule": ("rescheduleWorkItem", "@<itemBody><dataModel/></itemBody>"),
    "header": ("getWorkItemHeader", "@"),
    "offers": ("getOfferSet", "@"),
    "preview": ("previewWorkItemFromList", "<entityID entity-type='RESOURCE' guid='GUID-of-ana'/>@"),
    "history": ("getWorkItemHistory", "@"),
}
READS = {"header", "offers", "preview", "history"}

# Columns: Cr created, CA created to be allocated at once, Of offered, Al allocated, Op opened when allocated, OO opened
# out of the offer, OR the same where closing offers anew, Pe pended, HA and HP hidden when allocated or pended,
# Sc So Sa Sp Sh suspended when created, offered, allocated, pended, hidden, SO suspended when open out of the offer
# where closing offers anew, SP and SF the same closed since (hidden and not), Co completed, Xa cancelled when
# allocated, XO when open, XS when suspended and open, DA and DP hidden when allocated or pended and due.
# Cells: the state that it leads to ("." stays), or the fault: i InvalidWorkItem, w WorkItem, e InvalidEntity.
TABLE = """
                Cr CA Of Al Op OO OR Pe HA HP Sc So Sa Sp Sh SO SP SF Co Xa XO XS DA DP
enable          Of Al i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i
allocate        i  i  Al i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i
allocate-open   i  i  Op i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i
open            i  i  i  Op i  i  i  Op i  i  i  i  i  i  i  i  i  i  i  i  i  i  Op Op
close           i  i  i  i  Pe Pe Of i  i  i  i  i  i  i  i  Su i  i  i  i  Ca Ca i  i
close+data      i  i  i  i  Pe Pe Of i  i  i  i  i  i  i  i  Su i  i  i  i  w  w  i  i
close+hide      i  i  i  i  Hi Hi Hi i  i  i  i  i  i  i  i  Su i  i  i  i  Ca Ca i  i
save            i  i  i  i  Op Op Op i  i  i  i  i  i  i  i  Su i  i  i  i  i  i  i  i
complete        i  i  i  i  Co Co Co i  i  i  i  i  i  i  i  Co i  i  i  i  i  i  i  i
skip            i  i  i  Co i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  i  Co i
unallocate      i  i  i  Of i  i  i  Of i  i  i  i  i  i  i  i  i  i  i  i  i  i  Of Of
reallocate      i  i  Al Al Al Al Al Al i  i  i  i  i  i  i  i  i  i  i  i  i  i  Al Al
revert          i  i  Al Al Al Al Al Al i  i  i  i  i  i  i  i  i  i  i  i  i  i  Al Al
reallocate+data i  i  Al Al Al Al Al Al i  i  i  i  i  i  i  i  i  i  i  i  i  i  Al Al
pend            i  i  i  Hi i  i  i  Hi Hi Hi i  i  i  i  i  i  i  i  i  i  i  i  Hi Hi
unhide          i  i  i  Al i  i  i  Pe Al Pe i  i  i  i  i  i  i  i  i  i  i  i  Al Pe
suspend         Su Su Su Su Su Su Su Su Su Su i  i  i  i  i  i  i  i  i  i  i  i  Su Su
resume          i  i  i  i  i  i  i  i  i  i  Cr Of Al Pe Hi Op Hi Of i  i  i  i  i  i
cancel          Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca Ca i  i  i  i  Ca Ca
priority        .  .  .  .  i  i  i  .  .  .  .  .  .  .  .  .  .  .  i  .  .  .  .  .
reschedule      .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  i  .  .  .  .  .
header          .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
offers          .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
preview         .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  e  e  e  .  .
history         .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
"""
FAULTS = {"i": "InvalidWorkItemFault", "w": "WorkItemFault", "e": "InvalidEntityFault"}
STATES = {
    "Cr": "CREATED", "CA": "CREATED", "Of": "OFFERED", "Al": "ALLOCATED", "Op": "OPENED", "OO": "OPENED",
    "OR": "OPENED", "Pe": "PENDED", "Hi": "PENDHIDDEN", "HA": "PENDHIDDEN", "HP": "PENDHIDDEN", "Su": "SUSPENDED",
    "Co": "COMPLETED", "Ca": "CANCELLED", "Xa": "CANCELLED", "XO": "CANCELLED", "XS": "CANCELLED",
    "DA": "PENDHIDDEN", "DP": "PENDHIDDEN",
} | dict.fromkeys(("Sc", "So", "Sa", "Sp", "Sh", "SO", "SP", "SF"), "SUSPENDED")  # fmt: skip
WHEN_BACK = {"DA": "ALLOCATED", "DP": "PENDED"}
VERSIONS = ("none", "latest", "right", "old", "high")
SITUATIONS = TABLE.split("\n")[1].split()


@dataclass(frozen=True, kw_only=True)
class Case:
    row: str
    situation: str
    version: str
    cell: str

    def __str__(self) -> str:
        return f"{self.row}-{self.situation}-{self.version}"


def cases() -> Iterator[Case]:
    for line in TABLE.strip().splitlines()[1:]:
        name, *cells = line.split()
        for situation, cell in zip(SITUATIONS, cells, strict=True):
            for version in VERSIONS:
                yield Case(row=name, situation=situation, version=version, cell=cell)


class Making:
    """Leads items into their situations, each by the operations that people would use."""

    def __init__(self, tx: Transaction, worker: Caller, supervisor: Caller) -> None:
        self.tx = tx
        self.worker = worker
        self.boss = supervisor
        self.id = 0

    @property
    def it(self) -> ItemReference:
        return ItemReference(id=self.id)

    def new(self, *, reoffer: bool = False, **properties: object) -> None:
        to = [self.worker.person.name]
        new = NewWorkItem(name="x", work_type_id="again" if reoffer else "once", **properties)  # type: ignore[arg-type]
        self.id = scheduling.create_item(self.tx, new, (), to).id

    def allocated(self) -> None:
        self.new()
        allocation.allocate_items(self.tx, self.worker, [allocation.Allocation(item=self.it)])

    def taken_open(self, *, reoffer: bool) -> None:
        self.new(reoffer=reoffer)
        allocation.allocate_and_open_items(self.tx, self.worker, [allocation.Allocation(item=self.it)])

    def close(self, **hidden: int) -> None:
        period = Period(duration=Duration(**hidden)) if hidden else Period()
        items.close_items(self.tx, self.worker, [items.Close(item=self.it, hidden=period)])

    def hide(self, **hidden: int) -> None:
        items.pend_items(self.tx, self.worker, [items.Pend(item=self.it, hidden=Period(duration=Duration(**hidden)))])

    def suspend(self) -> None:
        scheduling.suspend_item(self.tx, self.boss, self.it)

    def cancel(self) -> None:
        scheduling.cancel_item(self.tx, self.boss, self.it)

    def pended(self) -> None:
        self.taken_open(reoffer=False)
        self.close()

    def opened_when_allocated(self) -> None:
        self.new(reoffer=True)
        allocation.allocate_items(self.tx, self.worker, [allocation.Allocation(item=self.it)])
        items.open_items(self.tx, self.worker, [self.it])

    def completed(self) -> None:
        self.taken_open(reoffer=False)
        completion.complete_item(self.tx, self.worker, self.it, ())

    def steps(self) -> dict[str, tuple[Callable[[], None], ...]]:
        """Give how to make each situation."""
        open_again = partial(self.taken_open, reoffer=True)
        later, soon = partial(self.hide, years=1), partial(self.hide, hours=1)
        return {
            "Cr": (partial(self.new, is_enabled=False),),
            "CA": (partial(self.new, is_enabled=False, distribution=Distribution.ALLOCATE),),
            "Of": (self.new,),
            "Al": (self.allocated,),
            "Op": (self.opened_when_allocated,),
            "OO": (partial(self.taken_open, reoffer=False),),
            "OR": (open_again,),
            "Pe": (self.pended,),
            "HA": (self.allocated, later),
            "HP": (partial(self.taken_open, reoffer=False), partial(self.close, years=1)),
            "Sc": (partial(self.new, is_enabled=False), self.suspend),
            "So": (self.new, self.suspend),
            "Sa": (self.allocated, self.suspend),
            "Sp": (self.pended, self.suspend),
            "Sh": (self.allocated, soon, self.suspend),
            "SO": (open_again, self.suspend),
            "SP": (open_again, self.suspend, partial(self.close, years=1)),
            "SF": (open_again, self.suspend, self.close),
            "Co": (self.completed,),
            "Xa": (self.allocated, self.cancel),
            "XO": (open_again, self.cancel),
            "XS": (open_again, self.suspend, self.cancel),
            "DA": (self.allocated, soon),
            "DP": (self.pended, soon),
        }


@dataclass
class World:
    """A service in whose database an item waits for each case, and whose clock goes on by hours."""

    soap: Soap
    ids: dict[str, int] = field(default_factory=dict)
    hours: list[int] = field(default_factory=lambda: [0])

    def item_for(self, case: Case) -> int:
        """Give the item that waits for a case; one that is due is made now: a write on one brings all of them back."""
        if case.situation not in WHEN_BACK:
            return self.ids[str(case)]
        made = self.soap.database.write(lambda tx: make_item(tx, case.situation, *cast_of(tx))).result(10)
        self.hours[0] += 2
        return made

    def stored(self, item_id: int) -> tuple[WorkItem, list[tuple[int, str]]]:
        def look(tx: Transaction) -> tuple[WorkItem, list[tuple[int, str]]]:
            return work_items.get(tx, item_id), [(row.version, row.state_after) for row in history.of(tx, item_id)]

        return self.soap.database.read(look).result(10)


def make_items(tx: Transaction) -> dict[str, int]:
    for situation in SITUATIONS:
        people.add_person(tx, name=f"worker of {situation}", guid=None, password_hash="no hash")
    ana, supervisor = cast_of(tx)
    again = WorkType(id="again", fields=(NOTES,), reoffer_on_close=True)
    work_types.load(tx, [again, replace(again, id="once", reoffer_on_close=False)])
    made = {
        str(case): make_item(tx, case.situation, ana, supervisor) for case in cases() if case.situation not in WHEN_BACK
    }
    for one in SITUATIONS:
        worker = Caller(person=people.find_person(tx, f"worker of {one}"), tenancy=DEFAULT_TENANCY)
        made[f"next-{one}"] = make_item(tx, one, worker, supervisor)
    return made


def cast_of(tx: Transaction) -> tuple[Caller, Caller]:
    ana, supervisor = (
        Caller(person=people.find_person(tx, name), tenancy=DEFAULT_TENANCY) for name in ("ana", "supervisor")
    )
    return ana, supervisor


def make_item(tx: Transaction, situation: str, worker: Caller, supervisor: Caller) -> int:
    making = Making(tx, worker, supervisor)
    for step in making.steps()[situation]:
        step()
    return making.id


@pytest.fixture(scope="module")
def world(template, tmp_path_factory) -> Iterator[World]:
    path = shutil.copy(template, tmp_path_factory.mktemp("table") / "soapsvc.db")
    hours = [0]
    settings = Settings(database=f"sqlite:///{path}")
    with (
        serving.opened_service(settings, clock=lambda now: now + timedelta(hours=hours[0])) as service,
        InProcess(service.application) as calls,
    ):
        ids = service.default_tenancy.write(make_items).result(60)
        yield World(Soap(calls, service.default_tenancy), ids, hours)


def ask(world: World, row: str, item_id: int, supplied: int | None) -> Answer:
    operation, content = ROWS[row]
    version = "" if supplied is None else f" version='{supplied}'"
    return world.soap.ask(operation, content.replace("@", f"<workItemID id='{item_id}'{version}/>"), user="supervisor")


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_the_answer_and_what_is_stored_then_are_those_of_the_table(world: World, case: Case) -> None:
    item_id = world.item_for(case)
    before, rows = world.stored(item_id)
    assert before.state == STATES[case.situation]
    assert len(rows) == before.version + 1
    # A write on an item that is due finds it brought back, one version later; a reader finds it as it is stored.
    is_back = case.situation in WHEN_BACK and case.row not in READS
    version, state = before.version + is_back, WHEN_BACK[case.situation] if is_back else before.state
    supplied = {"none": None, "latest": -1, "right": version, "old": version - 1, "high": version + 1}[case.version]
    if supplied == -1 and case.version == "old":
        supplied = -2

    answer = ask(world, case.row, item_id, supplied)

    after, rows_after = world.stored(item_id)
    if case.version in {"old", "high"}:
        fault = Fault(answer.body)
        assert fault.name == "InvalidVersionFault"
        assert (
            fault.text
            == f"The work item with id = {item_id} is currently at version {version}, not at version {supplied}"
        )
        owner = before.owner.guid if before.owner else ""
        assert fault.parameters == [str(item_id), str(version), str(supplied), state, owner]
        assert (after.state, after.version) == (state, version)
    elif case.cell in FAULTS:
        fault = Fault(answer.body)
        assert fault.name == FAULTS[case.cell]
        if case.cell == "i":
            assert fault.parameters == [str(item_id), state, ROWS[case.row][0]]
        assert (after.state, after.version) == (state, version)
    else:
        assert answer.status == 200, answer.body
        content_of(answer.body)
        assert after.state == (state if case.cell == "." else STATES[case.cell])
        assert after.version == version + (case.row not in READS)
    if after.version == before.version:
        assert after == before
    assert rows_after[: len(rows)] == rows
    assert [row for row, _ in rows_after] == list(range(after.version + 1))
    assert rows_after[-1][1] == after.state


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_next_item_of_a_resource_is_one_that_is_offered(world: World, situation: str) -> None:
    """allocateAndOpenNextWorkItem names no item: here the only one ever offered to a resource is in this situation."""
    item_id = world.ids[f"next-{situation}"]
    before, rows = world.stored(item_id)

    answer = world.soap.ask(
        "allocateAndOpenNextWorkItem", f"<resource>worker of {situation}</resource>", user="supervisor"
    )

    after, rows_after = world.stored(item_id)
    if situation == "Of":
        assert answer.status == 200, answer.body
        assert (after.state, after.version) == ("OPENED", 1)
        assert rows_after == [*rows, (1, "OPENED")]
    else:
        assert Fault(answer.body).name == "NoMoreWorkItemsFault"
        assert (after, rows_after) == (before, rows)
