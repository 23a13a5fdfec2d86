"""What operations of this door reach besides their transaction, and where their resources are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from soapsvc.callbacks.sender import Sender
from soapsvc.jobs.version_operations import VersionOperations
from soapsvc.storage.database import Database
from soapsvc.usecases.callback_targets import CallbackSecrets
from soapsvc.usecases.work_lists import ListLimits

PREFIXES = ("/HdaApi/rest/", "/api/rest/")
"""What the paths of this door begin with, in any case; the first stands in the addresses that it gives."""

ROOT = "v2.0"
"""Below which the resources are."""

PAGE = "/documentation/index.html"
"""Where people read of them."""

ResponseCode = Literal["split", "always200", "always202"]
"""How SaveAndClose and Complete are answered: 200 when they have ended and 202 while not, or always one of them."""


@dataclass(frozen=True, slots=True)
class Urls:
    """The addresses of resources, made of the service's public one; a request's Host is not asked."""

    address: str

    def page(self) -> str:
        """Give the address of the page that describes this door."""
        return f"{self.address}{PREFIXES[0].rstrip('/')}{PAGE}"

    def base(self) -> str:
        """Give what the addresses of all resources begin with."""
        return f"{self.address}{PREFIXES[0]}{ROOT}"

    def work_item(self, item: str) -> str:
        """Give the address of a work item."""
        return f"{self.base()}/WorkItems/{item}"

    def version(self, item: str, session: str) -> str:
        """Give the address of a version of a work item."""
        return f"{self.work_item(item)}/Versions/{session}"

    def status(self, item: str, session: str) -> str:
        """Give the address of where a version stands."""
        return f"{self.version(item, session)}/Status"

    def content(self, item: str, session: str, document: str) -> str:
        """Give the address of a document's content."""
        return f"{self.version(item, session)}/Documents/{document}/Content"


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What belongs to the running service.

    `wake` has what is due in the background looked for; `document_bytes` is how large a version's documents may be.
    """

    database: Database
    operations: VersionOperations
    sender: Sender
    secrets: CallbackSecrets
    wake: Callable[[], None]
    urls: Urls
    lists: ListLimits
    response_code: ResponseCode
    document_bytes: int
