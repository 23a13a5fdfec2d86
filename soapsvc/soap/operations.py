"""How an operation is declared: with Spyne, plus what the door must know of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from spyne.application import Application
from spyne.decorator import rpc
from spyne.protocol.soap import Soap11
from spyne.service import Service

from soapsvc.domain.caller import Caller
from soapsvc.soap import codec, namespaces
from soapsvc.soap.codec import Reader, Writer
from soapsvc.soap.namespaces import qualified
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases.permissions import PERMISSIONS
from soapsvc.usecases.work_lists import DEFAULT_LIMITS, ListLimits


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation gets besides its request: the transaction, who asks, and how far lists go."""

    tx: Transaction
    caller: Caller
    limits: ListLimits = DEFAULT_LIMITS


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """An operation of the contract.

    `writes` says whether it needs the writer, `is_long` whether it may take long even if it names one item, `waits`
    whether its function gives what to wait for, and not yet the answer. `function` gets a Call and the members of the
    request. `element` and `answer_element` are the names of the roots of request and response. `read` gives the members
    of a request's element, `write` the text of an answer; of `results`, the names of the response's members, the
    function gives one by itself, several as a tuple.
    """

    name: str
    service: str
    namespace: str
    element: str
    answer_element: str
    writes: bool
    is_long: bool
    waits: bool
    function: Callable[..., Any]
    request: Any
    response: Any
    read: Reader
    write: Writer
    results: Sequence[str]

    @property
    def parameters(self) -> dict[str, Any]:
        """The members of the request, by name, in order."""
        return dict(self.request._type_info)

    def answer(self, result: Any) -> Any:
        """Make an object of the response's members of what the function gave."""
        members = (result,) if len(self.results) == 1 else result
        return SimpleNamespace(**dict(zip(self.results, members, strict=True)))


def operation(
    *parameters: Any,
    result: tuple[str, Any] | tuple[tuple[str, Any], ...],
    faults: tuple[Any, ...],
    writes: bool = True,
    is_long: bool = False,
    waits: bool = False,
    element: str | None = None,
    answer: str | None = None,
    names: dict[str, str] | None = None,
) -> Any:
    """Declare the operation that a method of a service is.

    `parameters` are the types of the request's members in order, `result` the name and type of the response's member,
    or several of them. `element` is the request's root where it is not named like the operation, `answer` the root of
    the response where that is not named like it, `names` the members' names where Python cannot have them.
    """
    results = (result,) if isinstance(result[0], str) else result
    return rpc(
        *parameters,
        _returns=[type_ for _, type_ in results],
        _out_variable_names=[name for name, _ in results],
        _in_variable_names=names or {},
        _throws=faults,
        _udd={"writes": writes, "is_long": is_long, "waits": waits, "element": element, "answer": answer},
    )


def declared_by(services: tuple[type[Service], ...]) -> dict[str, Operation]:
    """Give the operations of these services, by the name of their request element."""
    # Spyne derives message types and checks the declarations when it builds an application.
    Application(list(services), tns=namespaces.API, in_protocol=Soap11(), out_protocol=Soap11())
    return {qualified(one.namespace, one.element): one for service in services for one in _operations_of(service)}


def _operations_of(service: type[Service]) -> Iterator[Operation]:
    namespace = getattr(service, "namespace", namespaces.API)
    for descriptor in service.public_methods.values():
        if descriptor.name not in PERMISSIONS:
            raise LookupError(f"usecases/permissions.py does not say who may do {descriptor.name}")
        element = descriptor.udd["element"] or descriptor.name
        answer = descriptor.udd["answer"] or f"{element}Response"
        yield Operation(
            name=descriptor.name,
            service=service.__name__,
            namespace=namespace,
            element=element,
            answer_element=answer,
            writes=descriptor.udd["writes"],
            is_long=descriptor.udd["is_long"],
            waits=descriptor.udd["waits"],
            function=descriptor.function,
            request=descriptor.in_message,
            response=descriptor.out_message,
            read=codec.reader_of(descriptor.in_message),
            write=codec.writer_of_response(descriptor.out_message, answer, namespace),
            results=tuple(descriptor.out_message._type_info),
        )
