"""Work types: what items of one kind have in common."""

from dataclasses import dataclass

from soapsvc.domain.data import DataModel
from soapsvc.domain.work_item import DEFAULT_PRIORITY, Distribution

ID_MAX_LENGTH = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkModel:
    """How to make items of a work type without saying more than their context: name, priority, whom to offer to."""

    name: str
    description: str | None = None
    priority: int = DEFAULT_PRIORITY
    distribution: Distribution = Distribution.OFFER
    offer_to: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkType:
    """A kind of work item: its fields, and how its items behave.

    `piled`: who completes one may be handed the next at once, at most `piling_limit` in a row (None: without end).
    `reoffer_on_close`: an item that was taken out of an offer goes back to it when it is closed.
    `reoffer_on_cancel` is kept for clients that read it; no operation here depends on it.
    `ignore_incoming_data`: data that its scheduler sends while an item is open are dropped. `model`: how to make items
    of it by its id alone, if that is possible.
    """

    id: str
    description: str = ""
    version: str | None = None
    fields: DataModel = ()
    piled: bool = False
    piling_limit: int | None = None
    reoffer_on_close: bool = False
    reoffer_on_cancel: bool = True
    ignore_incoming_data: bool = True
    model: WorkModel | None = None


NO_WORK_TYPE = WorkType(id="")
"""How an item without a work type behaves: its fields are those that it was scheduled with."""
