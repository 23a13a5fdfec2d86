"""What an operator does about template packages: put and list them."""

from collections.abc import Sequence

from soapsvc.domain.document import TemplatePackage
from soapsvc.storage import documents
from soapsvc.storage.transaction import Transaction


def put(tx: Transaction, package: TemplatePackage) -> bool:
    """Store a template package over the one of its id; say whether it is new."""
    return documents.put_package(tx, package)


def list_all(tx: Transaction) -> Sequence[tuple[str, int]]:
    """Give the ids of the template packages, and how many templates each has."""
    return documents.packages(tx)
