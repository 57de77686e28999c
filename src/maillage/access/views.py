"""By which condition on rows one actor does each thing in one context, and what is refused before and after a write.

For whoever acts at our own pages there is one condition, what they see. A software's scopes have one for each letter of SMART.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace as replaced
from datetime import datetime

from msgspec.structs import replace

from maillage.access import reach
from maillage.access.actors import Actor
from maillage.access.scopes import ANY, LETTERS
from maillage.access.visibility import seen_by, visible_to
from maillage.db import Connection
from maillage.errors import Forbidden, InsufficientScope, Issue, NotFound
from maillage.fhir import ids
from maillage.fhir.change import Change, Stored, Verb
from maillage.fhir.compartment import patient_of
from maillage.fhir.holding import hold_rows
from maillage.fhir.index import index
from maillage.fhir.reading import HistoryPage
from maillage.fhir.scope import Scope
from maillage.fhir.search import SearchQuery, SeveralQuery


class Views:
    """What one actor sees in one context, by what they do."""

    def __init__(self, actor: Actor, now: datetime) -> None:
        self.whole = seen_by(actor, now)
        self._actor = actor
        self._now = now
        self._bound = reach.bound(actor)
        self._rows: dict[str, Scope] = {}

    @property
    def searched(self) -> Scope:
        """The rows that are found, counted, included, followed."""
        return self.rows("s")

    @property
    def read(self) -> Scope:
        """The rows that are read by their id."""
        return self.rows("r")

    @property
    def touched(self) -> Scope:
        """The rows with which anything may be done."""
        return self.rows(LETTERS)

    def rows(self, letters: str) -> Scope:
        """The rows opened for one of these letters."""
        if not self._bound:
            return self.whole
        if letters not in self._rows:
            self._rows[letters] = visible_to(self._actor, self._now, letters)
        return self._rows[letters]

    @property
    def written(self) -> Scope:
        """The rows that a write may meet or make, as far as their types and their patients say it."""
        if not self._bound:
            return self.whole
        return reach.narrowing(self._actor, "cud", whole_types=True).of(self.whole)

    @property
    def loads(self) -> bool:
        """Whether every row may be written."""
        return self.whole.unlimited and all(self.rows(letter).unlimited for letter in "cud")

    def require(self, letter: str, kind: str) -> None:
        """InsufficientScope where the scopes open the interaction on no resource of the type."""
        if self._bound:
            reach.require(self._actor, letter, kind)

    def opens(self, letter: str, kind: str) -> bool:
        """Whether the interaction is opened on some resource of a type."""
        return not self._bound or reach.opens(self._actor, letter, kind)

    def require_writing(self, changes: Sequence[Change]) -> None:
        """InsufficientScope, with its place, for a change of a type that may not be changed so."""
        if not self._bound:
            return
        for place, change in enumerate(changes):
            kind = str(change.resource.get("resourceType"))
            try:
                self.require(letter_of(change), kind)
            except InsufficientScope as fault:
                issues = [Issue(fault.code, fault.message, f"change[{place}]")] if len(changes) > 1 else fault.issues
                raise InsufficientScope(fault.message, issues=issues) from None

    @contextmanager
    def unbound(self) -> Iterator[None]:
        """Inside, the platform looks for itself (guards of what is written): with the rights of who acts, whatever the scopes."""
        before, self._bound = self._bound, False
        try:
            yield
        finally:
            self._bound = before

    def narrowed(self, query: SearchQuery | SeveralQuery) -> SearchQuery | SeveralQuery:
        """The search of the types that may be searched. InsufficientScope for one that was named, or where there is none."""
        if not self._bound:
            return query
        if isinstance(query, SearchQuery):
            self.require("s", query.kind)
            return query
        opened = tuple(one for one in query.queries if reach.opens(self._actor, "s", one.kind))
        if not opened or (len(opened) < len(query.queries) and any(name == "_type" for name, _ in query.applied)):
            closed = next(one.kind for one in query.queries if one not in opened)
            self.require("s", closed)
        return query if len(opened) == len(query.queries) else replace(query, queries=opened)

    def require_any(self, letter: str) -> None:
        """InsufficientScope where the interaction is opened on no type at all."""
        if self._bound and not any(letter in one.letters for one in reach.opened(self._actor)):
            reach.require(self._actor, letter, ANY)

    def refuse_version(self, letter: str, stored: Stored) -> Stored:
        """NotFound for a version that did not say what the scopes ask for; those of other people are out of the condition already."""
        if not self._admits_version(letter, stored):
            raise NotFound(f"{stored.type}/{stored.id} has no version {stored.version}")
        return stored

    def told(self, letter: str, page: HistoryPage) -> HistoryPage:
        """A page of a history without such versions; its total is not told where any could be left out."""
        kinds = {one.type for one in page.versions}
        if not self._bound or not any(reach.restricted(self._actor, letter, kind) for kind in kinds):
            return page
        shown = [one for one in page.versions if self._admits_version(letter, one)]
        return replaced(page, versions=shown, total=None)

    def _admits_version(self, letter: str, stored: Stored) -> bool:
        if not self._bound or stored.body is None or not reach.restricted(self._actor, letter, stored.type):
            return True
        return reach.admits(self._actor, letter, stored.resource, stored.patient)

    async def refuse_outside(self, conn: Connection, changes: Sequence[Change]) -> None:
        """Refuses a write of what the scopes do not open: InsufficientScope for what would be stored outside of them, NotFound for what is.

        In this order, so that the first says nothing of the second. What is there is held until the transaction ends.
        """
        if not self._bound:
            return
        for place, change in enumerate(changes):
            if change.verb is not Verb.DELETE and not self._admits(change):
                kind = change.resource["resourceType"]
                message = f"the scopes granted do not open {letter_of(change)} of this {kind}, as it would be written"
                raise InsufficientScope(message, issues=[Issue(Forbidden.code, message, f"change[{place}]")])
        for letter in dict.fromkeys(map(letter_of, changes)):
            if not self.rows(letter).unlimited:
                await self._refuse_stored(conn, letter, changes)

    async def _refuse_stored(self, conn: Connection, letter: str, changes: Sequence[Change]) -> None:
        """What the person sees and the software may not write."""
        named = {
            (str(change.resource["resourceType"]), str(change.resource["id"])): place
            for place, change in enumerate(changes)
            if letter_of(change) == letter and change.verb is not Verb.CREATE
        }
        if not named:
            return
        left = named.keys() - await hold_rows(conn, list(named), scope=self.rows(letter))
        if left and (outside := await hold_rows(conn, sorted(left), scope=self.whole)):
            kind, id = min(outside)
            message = f"{kind}/{id} is not known"
            raise NotFound(message, issues=[Issue(NotFound.code, message, f"change[{named[kind, id]}]")])

    def _admits(self, change: Change) -> bool:
        letter, resource = letter_of(change), {"id": "new", **change.resource}
        if reach.opens_all(self._actor, letter, resource["resourceType"]):
            return True  # most software: what would be stored is not looked through a second time
        home = patient_of(index(resource))
        return reach.admits(self._actor, letter, resource, ids.key(home) if home else None, strictly=True)


def letter_of(change: Change) -> str:
    """The letter of SMART that a change needs: a PUT is an update, whether or not the resource is there (SMART App Launch 2.2)."""
    return {Verb.CREATE: "c", Verb.DELETE: "d"}.get(change.verb, "u")
