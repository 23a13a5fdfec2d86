"""Random operations over SOAP, compared step by step with a simple model of the contract: nothing may differ.

`SOAPSVC_PROOF=long` runs 10,000 steps instead of about a thousand.
"""

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from lxml import etree

from soapsvc import serving
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.states import Action
from soapsvc.domain.work_type import WorkType
from soapsvc.settings import Settings
from soapsvc.storage import history, work_items
from soapsvc.storage.tables import entity, pile
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import people, timers, work_types
from tests.conftest import Soap
from tests.support.model import REACH, Item, Model, Refused
from tests.support.soap import Fault, content_of
from tests.support.wishes import FIELDS, LIKELY, content_for, data_xml, dates_xml, guid, wish_of

IS_LONG = os.environ.get("SOAPSVC_PROOF") == "long"
EXAMPLES, STEPS = (260, 40) if IS_LONG else (25, 40)

TYPES: dict[str, frozenset[str]] = {
    "plain": frozenset(),
    "again": frozenset({"reoffer", "overwrite"}),
    "pile": frozenset({"piled"}),
}
PILE_LIMIT = 3
BEN = {"workItemAllocation", "openOtherResourcesItems", "closeOtherResourcesItems", "reallocateToOfferSet"}
GRANTS = {
    "ana": frozenset(),
    "ben": frozenset(BEN),
    "carl": frozenset({"viewGlobalWorkList"}),
    "supervisor": frozenset(map(str, SystemAction)),
}
LIMITS = {"ana": 2}
OF_SCHEDULER = {"enable", "reschedule", "cancel", "suspend", "resume"}
ALONE = {"saveOpenWorkItem", "completeWorkItem"} | {f"{verb}WorkItem" for verb in OF_SCHEDULER}

who_asks = st.sampled_from(["ana", "ana", "ben", "carl", "supervisor", "supervisor"])
whoever = st.sampled_from(["ana", "ana", "ben", "carl", "nobody"])
some_data = st.sampled_from([{}, {}, {"Notes": "1"}, {"Amount": "1"}, {"Notes": "2", "Amount": "2"}])
versions = st.sampled_from(["none", "latest", "right", "right", "right", "old", "high"])
ends = st.none() | st.integers(1, 3)


wishes = st.integers(0, 2**32).map(wish_of)


@dataclass
class World:
    """One service for all examples, each of which has items of its own; its clock only goes forward."""

    soap: Soap
    hours: list[int] = field(default_factory=lambda: [0])


class Comparison(RuleBasedStateMachine):
    """Asks the service and the model the same, and wants the same answers and the same items."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.soap = world.soap
        self.hours = world.hours
        self.model = Model(grants=GRANTS, limits=LIMITS, types=TYPES, pile_limit=PILE_LIMIT, now=self.hours[0])

    def teardown(self) -> None:
        ids = list(self.model.items)

        def clear(tx: Transaction) -> list[int]:
            boss = next(one for one in people.list_people(tx) if one.name == "supervisor")
            for item_id in ids:
                item = work_items.get(tx, item_id)
                if item.state not in {"COMPLETED", "CANCELLED"}:
                    work_items.save(tx, item, item.cancelled(), action=Action.CANCEL, by=boss)
            tx.connection.execute(sa.delete(pile))
            return list(history.broken_chains(tx, after=min(ids, default=1) - 1, to=max(ids, default=0)))

        assert self.soap.database.write(clear).result(10) == []

    # What is compared

    def ask(self, operation: str, content: str, who: str) -> tuple[tuple[str, ...], etree._Element]:
        answer = self.soap.ask(operation, content, user=who)
        content = content_of(answer.body)
        if answer.status == 200:
            return ("ok",), content
        fault = Fault(answer.body)
        parameters = fault.parameters if fault.name == "InvalidVersionFault" else []
        return (str(fault.name), *parameters), content

    def expect(self, told: tuple[str, ...], act: Any) -> Any:
        """Let the model do the same, and compare the kinds of the answers; give the model's if it is no fault."""
        try:
            result = act()
        except Refused as refused:
            kind = refused.answer
            if kind[0] == "InvalidVersionFault":
                kind = (*kind[:-1], guid(kind[-1]))
            assert told == kind
            return None
        assert told == ("ok",)
        return result

    @invariant()
    def nothing_differs(self) -> None:
        def look(tx: Transaction) -> list[Any]:
            return [(work_items.get(tx, item_id), history.of(tx, item_id)) for item_id in self.model.items]

        for (item, entries), wanted in zip(
            self.soap.database.read(look).result(10), self.model.items.values(), strict=True
        ):
            found = {
                "state": str(item.state),
                "version": item.version,
                "owner": item.owner.name if item.owner else None,
                "priority": item.priority,
                "data": {one.name: one.values[0] for one in item.fields if one.values},
                "open": item.session is not None,
                "history": [str(entry.action) for entry in entries],
            }
            assert found == {
                "state": wanted.state,
                "version": wanted.version,
                "owner": wanted.owner,
                "priority": wanted.priority,
                "data": wanted.data,
                "open": wanted.is_open,
                "history": wanted.history,
            }

    # What is done

    @precondition(lambda self: len(self.model.items) < 8)
    @rule(
        who=st.sampled_from(["supervisor"] * 9 + ["ana"]),
        type_=st.sampled_from([None, "plain", "again", "pile", "pile"]),
        is_allocated=st.sampled_from([False, False, True]),
        is_enabled=st.sampled_from([True, True, True, False]),
        group=st.sampled_from([None, None, 7]),
        priority=st.sampled_from([1, 50, 50]),
        end=ends,
        data=some_data,
    )
    def schedule(self, who, type_, is_allocated, is_enabled, group, priority, end, data) -> None:
        offered_to = ["ana"] if is_allocated else ["ana", "ben"]
        named = "".join(f"<entityID entity-type='RESOURCE' guid='{guid(one)}'/>" for one in offered_to)
        kind = f"<workTypeID>{type_}</workTypeID>" if type_ else ""
        attributes = f"priority='{priority}' enabled='{str(is_enabled).lower()}'"
        attributes += f" distributionStrategy='{'ALLOCATE' if is_allocated else 'OFFER'}'"
        attributes += f" groupID='{group}'" if group else ""
        context = "".join(f"<{name}/>" for name in ("activityID", "activityName", "appInstance", "appName", "appID"))
        told, content = self.ask(
            "scheduleWorkItem",
            f"<item {attributes}><name>x</name>{kind}<entityQuery>{named}</entityQuery></item>{dates_xml(end)}"
            f"<itemContext>{context}</itemContext><itemBody>{data_xml(data, every=type_ is None)}</itemBody>",
            who,
        )
        if who != "supervisor":
            assert told == ("SecurityFault",)
            return
        assert told == ("ok",)
        new = Item(
            id=int(content[0].get("id")),
            offered_to=frozenset(offered_to),
            type=type_,
            state="CREATED" if not is_enabled else "ALLOCATED" if is_allocated else "OFFERED",
            owner="ana" if is_allocated else None,
            group=group,
            priority=priority,
            data=dict(data),
            scheduled=dict(data),
            end=end,
            held_by={"ana"} if is_allocated else set(),
        )
        self.model.items[new.id] = new

    def referred(self, picks: list[int], version: str) -> list[tuple[int, int | None]]:
        ids = list(dict.fromkeys(list(self.model.items)[pick % len(self.model.items)] for pick in picks))
        return [(item_id, self.supplied(self.model.items[item_id], version)) for item_id in ids]

    @staticmethod
    def supplied(item: Item, version: str) -> int | None:
        if version in {"none", "latest"}:
            return {"none": None, "latest": -1}[version]
        number = item.version + {"right": 0, "old": -1, "high": 1}[version]
        return -2 if number == -1 else number  # -1 would mean the latest

    @precondition(lambda self: self.model.items)
    @rule(
        operation=st.sampled_from(sorted(REACH)),
        who=who_asks,
        picks=st.lists(st.integers(0, 7), min_size=1, max_size=3),
        version=versions,
        wish=wishes,
    )
    def change(self, operation, who, picks, version, wish) -> None:
        self.do(operation, who, picks, version, wish)

    def do(self, operation, who, picks, version, wish) -> None:
        batch = self.referred(picks[:1] if operation in ALONE else picks, version)
        told, content = self.ask(operation, "".join(content_for(operation, *one, wish) for one in batch), who)

        changed = self.expect(told, lambda: self.model.change(operation, who, batch, **wish))

        if changed and operation == "completeWorkItem":
            (done,) = changed
            following = self.model.after_completion(done) if wish["next"] else ""
            wanted = str(done.group or following)
            assert wanted == "".join(one.text or f"{one.get('id')}@{one.get('version')}" for one in content)
        elif changed:
            said = [(int(one.get("id")), int(one.get("version"))) for one in content.iter() if one.get("version")]
            assert set(said) <= {(item.id, item.version) for item in changed}

    @precondition(lambda self: self.model.items)
    @rule(seeds=st.lists(st.integers(0, 2**32), min_size=4, max_size=12))
    def work(self, seeds) -> None:
        """Do what makes sense, mostly with the right version, so that items get somewhere."""
        for step, seed in enumerate(seeds):
            luck = random.Random(f"{seed} {step} {sum(item.version for item in self.model.items.values())}")
            every = list(self.model.items.values())
            at_work = [item for item in every if item.state not in {"COMPLETED", "CANCELLED"} or item.is_open]
            item = luck.choice(at_work if at_work and luck.random() < 0.9 else every)
            verb = luck.choice(LIKELY[item.state].split())
            operation = verb if "WorkItem" in verb else f"{verb}WorkItem"
            at_boss = operation.removesuffix("WorkItem") in OF_SCHEDULER or luck.random() < 0.2
            version = luck.choice(["right"] * 7 + ["none"] * 4 + ["latest", "old", "high"])
            self.do(
                operation,
                "supervisor" if at_boss else item.owner or "ana",
                [every.index(item)],
                version,
                wish_of(luck.getrandbits(32)),
            )
            self.nothing_differs()

    @precondition(lambda self: self.model.items)
    @rule(resource=whoever, who=who_asks, view=st.sampled_from([None, None, 0, -1, 5]))
    def open_next(self, resource, who, view) -> None:
        choice = "" if view is None else f"<workListViewID>{view}</workListViewID>"
        told, content = self.ask("allocateAndOpenNextWorkItem", f"<resource>{resource}</resource>{choice}", who)

        item = self.expect(told, lambda: self.model.open_next(who, resource, view))

        if item:
            assert (content[0][0].get("id"), content[0][0].get("version")) == (str(item.id), str(item.version))

    @precondition(lambda self: self.model.items)
    @rule(
        operation=st.sampled_from(
            ["getWorkItemHeader", "getOfferSet", "getWorkItemHistory", "previewWorkItemFromList"]
        ),
        who=who_asks,
        of=st.sampled_from(["ana", "ben", "carl"]),
        pick=st.integers(0, 7),
        version=versions,
    )
    def read(self, operation, who, of, pick, version) -> None:
        if operation == "previewWorkItemFromList":
            self.preview(who, of, pick, version)
            return
        ((item_id, supplied),) = self.referred([pick], version)
        given = "" if supplied is None else f" version='{supplied}'"
        told, content = self.ask(operation, f"<workItemID id='{item_id}'{given}/>", who)

        item = self.expect(told, lambda: self.model.read(who, item_id, supplied))

        if item and operation == "getWorkItemHeader":
            assert (content[0].get("version"), content[0].get("state")) == (str(item.version), item.state)
        elif item and operation == "getOfferSet":
            assert {one.text for one in content} == set(map(guid, item.offered_to))
        elif item:
            assert [one.get("operation") for one in content] == item.history

    def preview(self, who, of, pick, version) -> None:
        ((item_id, supplied),) = self.referred([pick], version)
        given = "" if supplied is None else f" version='{supplied}'"
        told, content = self.ask(
            "previewWorkItemFromList",
            f"<entityID entity-type='RESOURCE' guid='{guid(of)}'/><workItemID id='{item_id}'{given}/>",
            who,
        )

        item = self.expect(told, lambda: self.model.preview(who, of, item_id, supplied))

        if item:
            assert content[0].get("version") == str(item.version)
            assert {one.get("name"): one.findtext("simpleSpec/value") for one in content[0]} == (
                {"Notes": None, "Amount": None} | item.data
            )

    @rule(hours=st.integers(1, 4))
    def let_time_pass(self, hours) -> None:
        self.hours[0] += hours
        self.model.now += hours

    @precondition(lambda self: any(map(self.model.is_due, self.model.items.values())))
    @rule()
    def sweep(self) -> None:
        self.model.sweep()
        assert self.soap.database.write(lambda tx: timers.bring_back_due(tx, 100)).result(10) <= len(self.model.items)


@pytest.fixture(scope="module")
def world(template, tmp_path_factory) -> Iterator[World]:
    path = shutil.copy(template, tmp_path_factory.mktemp("model") / "soapsvc.db")
    hours = [0]
    kinds = [
        WorkType(
            id=name,
            fields=FIELDS,
            reoffer_on_close="reoffer" in ways,
            ignore_incoming_data="overwrite" not in ways,
            piled="piled" in ways,
            piling_limit=PILE_LIMIT,
        )
        for name, ways in TYPES.items()
    ]

    def prepare(tx: Transaction) -> None:
        work_types.load(tx, kinds)
        for name, actions in GRANTS.items():
            for action in actions:
                people.grant(tx, name, SystemAction(action))
        for name, most in LIMITS.items():
            tx.connection.execute(sa.update(entity).where(entity.c.name == name).values(max_open_items=most))

    with (
        serving.opened_service(
            Settings(database=f"sqlite:///{path}"), clock=lambda now: now + timedelta(hours=hours[0])
        ) as service,
        InProcess(service.application) as calls,
    ):
        service.default_tenancy.write(prepare).result(10)
        yield World(Soap(calls, service.default_tenancy), hours)


@pytest.mark.timeout(1800)
def test_the_service_does_what_the_model_does(world: World) -> None:
    run_state_machine_as_test(
        lambda: Comparison(world),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
