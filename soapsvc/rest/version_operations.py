"""Versions of work items as resources: begun, looked at, and ended by SaveAndClose and Complete."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import InvalidRequest
from soapsvc.domain.version_session import Callback, OperationKind, OperationRequest, SessionState
from soapsvc.jobs.version_operations import Outcome
from soapsvc.rest import payloads
from soapsvc.rest.operations import Answer, Call, answer, with_headers
from soapsvc.rest.representations import shown_status, shown_version
from soapsvc.storage.jobs import Lease
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import callback_targets, version_operations, versions
from soapsvc.usecases.version_operations import Accepted
from soapsvc.usecases.versions import Target

AGAIN_SECONDS = 1
"""After how long a client may ask again where an operation stands."""


class VersionsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which versions."""

    filter: Annotated[str, Meta(max_length=500, description="Statuses that versions may have, divided by commas.")] = ""


def begin(tx: Transaction, call: Call) -> Answer:
    """Begin a version of the client's GUID, or go on with it."""
    return _begun(tx, call, call.session)


def begin_new(tx: Transaction, call: Call) -> Answer:
    """Begin a version."""
    return _begun(tx, call, str(uuid.uuid4()))


def list_all(tx: Transaction, call: Call) -> Answer:
    """Show the versions of an item."""
    wanted = {one.strip() for one in call.query.filter.split(",") if one.strip()}
    unknown = wanted - set(SessionState)
    if unknown:
        raise InvalidRequest(f"The filter has what is no status; there are {', '.join(SessionState)}")
    item = versions.get_work_item(tx, call.caller, call.item, call.version(tx))
    every = versions.list_versions(tx, call.caller, call.item)
    shown = [shown_version(item, one, call.services.urls) for one in every if not wanted or one.state in wanted]
    return answer(payloads.ItemVersions(versions=shown), version=item.version)


def show(tx: Transaction, call: Call) -> Answer:
    """Show a version."""
    item, session = versions.get_version(tx, call.caller, call.target(tx))
    return answer(shown_version(item, session, call.services.urls), version=item.version)


def show_status(tx: Transaction, call: Call) -> Answer:
    """Show where a version stands."""
    item, session = versions.get_version(tx, call.caller, call.target(tx))
    return answer(shown_status(item, session, call.services.urls), version=item.version)


async def save_and_close(call: Call) -> Answer:
    """Save a version, and close its item."""
    return await _submitted(call, OperationKind.SAVE_AND_CLOSE, version_operations.accept)


async def complete(call: Call) -> Answer:
    """Make the documents of a version, and complete its item."""
    return await _submitted(call, OperationKind.COMPLETE, version_operations.accept)


async def create_and_assemble(call: Call) -> Answer:
    """Begin a version and complete it, both or neither."""
    accept = partial(version_operations.accept_create_and_assemble, answers=call.body.answers)
    return await _submitted(call, OperationKind.COMPLETE, accept)


def _begun(tx: Transaction, call: Call, session: str) -> Answer:
    body: payloads.BeginVersion = call.body
    target = Target(item=call.item, session=session, version=call.version(tx))
    begun = versions.begin_version(tx, call.caller, target, answers=body.answers, force=body.force_create)
    shown = shown_version(begun.item, begun.session, call.services.urls)
    if not begun.is_new:
        return answer(shown, version=begun.item.version)
    where = call.services.urls.version(begun.item.guid, session)
    return answer(shown, status=201, version=begun.item.version, location=where)


async def _submitted(call: Call, kind: OperationKind, accept: Callable[..., Accepted]) -> Answer:
    """Have an operation accepted, and wait for its end as long as the settings and the client want it."""
    run_assembly = kind is OperationKind.COMPLETE and call.body.run_assembly
    request = OperationRequest(
        id=str(uuid.uuid4()), kind=kind, callback=await _callback(call), run_assembly=run_assembly
    )
    seconds, applied = _patience(call, kind)

    def accept_it(
        tx: Transaction, caller: Caller, target: Target, request: OperationRequest, *, lease: Lease | None
    ) -> Accepted:
        call.begin_once(tx)
        return accept(tx, caller, replace(target, version=call.version(tx)), request, lease=lease)

    target = Target(item=call.item, session=call.session)
    outcome = await call.services.operations.submit(call.caller, target, request, accept=accept_it, wait=seconds)
    return with_headers(_answered(call, outcome), vary="Prefer", **applied)


async def _callback(call: Call) -> Callback | None:
    """Give where the end is to be told. Raises InvalidCallback."""
    body: payloads.Callback = call.body
    if body.callback_url is not None:
        services = call.services
        return await callback_targets.checked(
            services.sender, services.secrets, body.callback_url, body.callback_secret
        )
    if body.callback_secret is not None:
        raise InvalidRequest("With a callbackSecret comes a callbackUrl")
    return None


def _patience(call: Call, kind: OperationKind) -> tuple[float | None, dict[str, str]]:
    """Say for how many seconds to wait, None for as long as ever, and which preferences decided that.

    Both preferences together mean to answer at once what takes longer than that (RFC 7240, section 4.3).
    """
    wait, longest = call.preferences.wait, call.services.operations.longest_wait(kind)
    is_shorter = wait is not None and wait < longest
    names = ["respond-async"] if call.preferences.respond_async else []
    names += [f"wait={wait}"] if is_shorter else []
    applied = {"preference_applied": ", ".join(names)} if names else {}
    if is_shorter:
        return wait, applied
    return (0 if call.preferences.respond_async and wait is None else None), applied


def _answered(call: Call, outcome: Outcome) -> Answer:
    shown = shown_status(outcome.item, outcome.session, call.services.urls)
    headers: dict[str, Any] = {"content_location": shown.status_url}
    status = {"always200": 200, "always202": 202}.get(call.services.response_code, 200 if outcome.is_finished else 202)
    if status == 202:
        headers |= {"location": shown.status_url, "retry_after": str(0 if outcome.is_finished else AGAIN_SECONDS)}
    return answer(shown, status=status, version=outcome.item.version, **headers)
