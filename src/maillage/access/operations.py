"""The operations of R4 through the guarded door: filtered in SQL for the actor, and left in the trail."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from maillage.access.audit import Action, Entry, Trail
from maillage.access.permissions import Permission, permits
from maillage.access.views import Views
from maillage.db import Connection
from maillage.errors import Forbidden
from maillage.fhir.change import Change, Stored
from maillage.fhir.operations.document import document
from maillage.fhir.operations.everything import Everything, everything
from maillage.fhir.operations.lastn import lastn
from maillage.fhir.search import SearchQuery, StoredPage

if TYPE_CHECKING:
    from maillage.access.context import Context


class Operations:
    """What R4 calls operations, on the records as one actor may see and change them, in one context."""

    def __init__(self, ctx: "Context", conn: Connection, *, trail: Trail, views: Views) -> None:
        self._ctx = ctx
        self._conn = conn
        self._trail = trail
        self._views = views

    async def everything(self, wanted: Everything) -> StoredPage:
        """A page of the whole record of a Patient or an Encounter: the record (`matches`) and what that names (`included`)."""
        entry = self._trail.add(Action.READ, wanted.kind, wanted.id, query="$everything")
        with self._trail.attempt([entry]):
            self._views.require("r", wanted.kind)
            self._views.require("s", wanted.kind)
            page = await everything(self._conn, wanted, scope=self._views.searched)
            _seen(entry, [*page.matches, *page.included])
            return page

    async def lastn(self, query: SearchQuery, most: int) -> list[Stored]:
        """The last observations of each code among those that the query finds (see `fhir.operations.lastn`)."""
        entry = self._trail.add(Action.EXECUTE, "Observation", query="$lastn")
        with self._trail.attempt([entry]):
            self._views.require("s", "Observation")
            found = await lastn(self._conn, query, most, scope=self._views.searched)
            _seen(entry, found)
            return found

    async def document(self, id: str, *, base: str) -> list[Stored]:
        """A Composition and all that it names. `base` is this server's own address."""
        entry = self._trail.add(Action.READ, "Composition", id, query="$document")
        with self._trail.attempt([entry]):
            self._views.require("r", "Composition")
            found = [
                self._views.refuse_version("r", one) for one in await document(self._conn, id, scope=self._views.read, base=base)
            ]
            _seen(entry, found)
            return found

    async def rehearse(self, change: Change) -> None:
        """Everything that this write would do, then undone: raises what would refuse it. One line of the trail says that it was tried."""
        kind, id = str(change.resource.get("resourceType")), change.resource.get("id")
        entry = self._trail.add(Action.EXECUTE, kind, id, query=f"$validate {change.verb}")
        with self._trail.attempt([entry]):
            if not permits(self._ctx.actor, Permission.FHIR_WRITE):
                raise Forbidden(f"{self._ctx.actor.name} may not do this: it needs the permission {Permission.FHIR_WRITE}")
            async with self._ctx.undone():
                _seen(entry, await self._ctx.records.write_changes([change]))


def _seen(entry: Entry, versions: Iterable[Stored]) -> None:
    entry.patients.update(one.patient for one in versions if one.patient)
