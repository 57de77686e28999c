"""The FHIR door on the store beneath `access/`: every row for everybody, no guard, no grant, no line in the trail. For `bench.rights` alone: the product
has no such door. A web worker loads it as `bench.beneath:application`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from maillage import app
from maillage.access.access import Access
from maillage.access.audit import Action, Entry, Trail
from maillage.access.combining import Hand
from maillage.access.context import Context
from maillage.access.platform import Platform
from maillage.access.records import Records
from maillage.access.views import Views
from maillage.config import Config
from maillage.fhir import validation
from maillage.fhir.change import Change, Stored, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.store import Store


class _Untold(Trail):
    """Lines that nobody keeps."""

    def add(self, action: Action, type: str, id: str | None = None, *, query: str | None = None) -> Entry:
        return Entry(action, type, id, query)


class _Everything(Views):
    """Every row, for whatever is done."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.whole = Scope.all()


class _Bare(Records):
    """The store's own answers."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.views = _Everything(self._ctx.actor, self._ctx.now)

    async def write_changes(self, changes: Sequence[Change], *, checked: bool = False) -> list[Stored]:
        """Validation and the store: what a write costs without rights."""
        for change in changes:
            if not checked and change.verb is not Verb.DELETE:
                validation.validate(change.resource)
        return await self._store.write_raw(self._conn, changes, scope=self.views.written)


class _Beneath(Access):
    """Everybody acts as the store itself."""

    def _trail_of(self, hand: Hand) -> Trail:
        return _Untold(hand.actor, hand.purpose, door=hand.door, at=self.clock.now(), origin=hand.origin)

    def _context(self, hand: Hand, conn: Any, trail: Trail, *, read_only: bool = False, combined: Any = None) -> Context:
        ctx = super()._context(hand, conn, trail, read_only=read_only, combined=combined)
        ctx.records = _Bare(
            ctx, conn, store=self._store, trail=trail, secret=self._secret, gathered=self._reads if read_only else None, combined=combined
        )  # fmt: skip
        return ctx


_above = app.platform_of


@asynccontextmanager
async def _platform(config: Config) -> AsyncIterator[Platform]:
    async with _above(config) as whole:
        access = _Beneath(whole.database, store=Store(), files=whole.files, clock=whole.clock)
        yield replace(whole, access=access)


def application() -> app.Web:
    """The factory of a web worker: the product's own application, on the platform beneath."""
    app.platform_of = _platform
    return app.application()
