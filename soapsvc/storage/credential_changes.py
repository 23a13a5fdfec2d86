"""Notice, within this process, that credentials were changed, so that nobody trusts what he remembers of them."""

from itertools import count

from soapsvc.storage.transaction import Transaction

_numbers = count(1)
_latest = 0


def latest() -> int:
    """Give a number that is another one after every change that this process has committed."""
    return _latest


def note(tx: Transaction) -> None:
    """Have the number change once this unit's work is on disk."""
    tx.after_commit(_count)


def _count() -> None:
    global _latest  # noqa: PLW0603 - one number a process: who remembers too little merely looks again
    _latest = next(_numbers)
