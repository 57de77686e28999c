"""What a verb receives: who acts and why, the records they may touch, and the one transaction in which it all happens."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

from maillage.access.actors import Actor
from maillage.access.audit import Action, Outcome, Trail
from maillage.access.permissions import Permission, permits
from maillage.access.purpose import Purpose
from maillage.access.records import Records
from maillage.access.uploads import Uploads
from maillage.db import Connection, Query
from maillage.errors import Forbidden
from maillage.events import Event
from maillage.fhir import ids
from maillage.files import Files


class Deferrable(Protocol):
    """A task that can be put off until after the commit (declared with `jobs.task`)."""

    async def defer(self, conn: Connection, **arguments: Any) -> None:
        """Write the job in this transaction."""


class Context:
    """One actor, one purpose, one transaction. Made by `Access.act` only."""

    def __init__(
        self,
        conn: Connection,
        *,
        actor: Actor,
        purpose: Purpose,
        now: datetime,
        door: str,
        read_only: bool,
        files: Files,
        uploads: Uploads,
        trail: Trail,
    ) -> None:
        self.actor = actor
        self.purpose = purpose
        self.now = now
        self.door = door
        self.read_only = read_only
        self.files = files
        self.uploads = uploads
        self.records: Records
        self._conn = conn
        self._trail = trail
        self._events: list[Event] = []

    def require(self, permission: Permission, *, patient: str | None = None) -> None:
        """The actor's role allows this verb, else Forbidden, and the attempt is in the trail.

        Whether they may see that patient is decided by `records`, in SQL; `patient` is for the trail.
        """
        if not permits(self.actor, permission):
            entry = self._trail.add(Action.EXECUTE, "Patient" if patient else permission, patient)
            entry.outcome = Outcome.REFUSED
            raise Forbidden(f"{self.actor.name} may not do this: it needs the permission {permission}")

    def trace(
        self, action: Action, kind: str, id: str | None, *, patient: str | None = None, query: str | None = None, refused: bool = False
    ) -> None:  # fmt: skip
        """Something that is no record but tells of a person was read or changed: a refused message, a case. It belongs in the trail.

        `patient` ("12" of Patient/12) is the person whose trail it belongs in; `refused` where it was only tried.
        """
        entry = self._trail.add(action, kind, id, query=query)
        if refused:
            entry.outcome = Outcome.REFUSED
        if patient is not None:
            entry.patients.add(ids.key(patient))

    def announce(self, event: Event) -> None:
        """A fact, written with this transaction and told to its handlers once it is committed."""
        self.refuse_to_write()
        self._events.append(event)

    async def run(self, query: Query, **parameters: Any) -> Any:
        """A service's own named SQL, in this transaction. Records go through `records`, never through here."""
        return await query(self._conn, **parameters)

    async def later(self, task: Deferrable, **arguments: Any) -> None:
        """A job written in this transaction: it runs once this is committed, and never if it is not."""
        self.refuse_to_write()
        await task.defer(self._conn, **arguments)

    def refuse_to_write(self) -> None:
        """A door that only reads was asked to write: a fault of ours, not of the actor."""
        if self.read_only:
            raise RuntimeError("a read-only context was asked to write")

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        """Whatever is written, put off or announced inside is taken back at its end; what was read stays in the trail."""
        self.refuse_to_write()
        announced, told = len(self._events), len(self._trail.entries)
        try:
            async with self._conn.transaction(force_rollback=True):
                yield
        finally:
            del self._events[announced:]
            self._trail.forget_writes(told)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Whatever is written, put off or announced inside is taken back when it raises; what was tried stays in the trail."""
        announced = len(self._events)
        try:
            async with self._conn.transaction():
                yield
        except BaseException:
            del self._events[announced:]
            raise

    @property
    def announced(self) -> Sequence[Event]:
        """What was announced so far."""
        return tuple(self._events)
