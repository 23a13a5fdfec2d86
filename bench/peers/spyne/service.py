"""A work-item service as the tutorials of Spyne and SQLAlchemy have it; DATABASE names the SQLite file."""

# mypy: ignore-errors
# It runs in an environment of its own, with packages that ship no types.

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import spyne_compatibility

spyne_compatibility.install()

from spyne import Application, ComplexModel, Fault, Integer64, Service, Unicode, XmlAttribute, rpc  # noqa: E402
from spyne.interface.xml_schema import XmlSchema  # noqa: E402
from spyne.protocol.soap import Soap11  # noqa: E402
from spyne.server.wsgi import WsgiApplication  # noqa: E402
from sqlalchemy import create_engine, event, update  # noqa: E402
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker  # noqa: E402

NAMESPACE = "http://api.brm.n2.tibco.com"

engine = create_engine(f"sqlite:///{os.environ['DATABASE']}", connect_args={"timeout": 30})
open_session = sessionmaker(engine)


@event.listens_for(engine, "connect")
def _keep_what_is_answered(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = FULL")


class _Base(DeclarativeBase):
    pass


class StoredItem(_Base):
    __tablename__ = "work_item"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    state: Mapped[str]
    name: Mapped[str]


def one(type_: Any) -> Any:
    """Declare a member that must be there, in no namespace."""
    return type_.customize(min_occurs=1, nillable=False, sub_ns="")


class ManagedObjectID(ComplexModel):
    __namespace__ = NAMESPACE

    id = XmlAttribute(Integer64, use="required")
    version = XmlAttribute(Integer64)


class WorkItem(ComplexModel):
    __namespace__ = NAMESPACE

    id = one(ManagedObjectID)


class WorkItemHeader(ComplexModel):
    __namespace__ = NAMESPACE

    name = one(Unicode)
    id = XmlAttribute(Integer64, use="required")
    version = XmlAttribute(Integer64, use="required")
    state = XmlAttribute(Unicode, use="required")


@contextmanager
def _session() -> Iterator[Session]:
    """Give a session for one call, and commit before the call is answered."""
    with open_session() as session, session.begin():
        yield session


def _move(item: Any, before: str, after: str) -> Any:
    guarded = (
        update(StoredItem)
        .where(StoredItem.id == item.id, StoredItem.version == item.version, StoredItem.state == before)
        .values(version=StoredItem.version + 1, state=after)
    )
    with _session() as session:
        if session.execute(guarded).rowcount == 0:
            raise Fault("Client", "not that version, or not that state")
    return ManagedObjectID(id=item.id, version=item.version + 1)


class WorkItemManagementService(Service):
    @rpc(one(ManagedObjectID), one(Unicode), _returns=one(WorkItem), _out_variable_name="workItem")
    def allocateAndOpenWorkItem(ctx, workItemID, resource):  # noqa: ARG002, N802, N803, N805
        return WorkItem(id=_move(workItemID, "OFFERED", "OPENED"))

    @rpc(one(ManagedObjectID), _returns=one(ManagedObjectID), _out_variable_name="workItemID")
    def closeWorkItem(ctx, workItemID):  # noqa: N802, N803, N805
        return _move(workItemID, "OPENED", "OFFERED")

    @rpc(one(ManagedObjectID), _returns=one(WorkItemHeader), _out_variable_name="workItemHeader")
    def getWorkItemHeader(ctx, workItemID):  # noqa: N802, N803, N805
        with _session() as session:
            item = session.get(StoredItem, workItemID.id)
            if item is None:
                raise Fault("Client", "no such work item")
            if workItemID.version not in (None, item.version):
                raise Fault("Client", "not that version")
            return WorkItemHeader(id=item.id, version=item.version, state=item.state, name=item.name)


class UnqualifiedSoap11(Soap11):
    """SOAP 1.1 whose schema has the children of a message in no namespace: Spyne's own has them in one."""

    def set_app(self, value: Application | None) -> None:
        super().set_app(value)
        if value is None:
            return
        schema = XmlSchema(value.interface, "unqualified")
        schema.build_validation_schema()
        self.validation_schema = schema.validation_schema


application = WsgiApplication(
    Application(
        [WorkItemManagementService],
        tns=NAMESPACE,
        in_protocol=UnqualifiedSoap11(validator="lxml"),
        out_protocol=Soap11(),
    )
)
