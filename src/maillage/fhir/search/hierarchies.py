"""`:above` and `:below` of references: to a resource, or to one that it is part of, or that is part of it (R4 search.html#recursive)."""

from dataclasses import dataclass
from functools import cache
from uuid import UUID

from maillage.fhir import ids
from maillage.fhir.definitions import search_parameters
from maillage.fhir.search.compose import Composer, Row

_PART_OF = ("partof", "part-of")


@cache
def part_of(kind: str) -> str | None:
    """The parameter of a type by which one of it is part of another of it."""
    known = search_parameters(kind)
    return next((code for code in _PART_OF if code in known and kind in known[code].targets), None)


@dataclass(frozen=True, slots=True)
class RefersWithin:
    """A reference parameter names one of the resources of type `kind`, or one below (or above) them that the caller may see."""

    parameter: str
    kind: str
    part: str
    keys: tuple[UUID, ...]
    below: bool

    def sql(self, row: Row, composer: Composer) -> str:
        edge = f"{self._edge(row, composer)} and f.dst in ({self._within(composer)})"
        return f"(select true from refs f where f.src = {row}.id and {edge} limit 1) is true"

    @property
    def stable(self) -> bool:
        return True

    def ids(self, row: Row, composer: Composer) -> str:
        edge = self._edge(row, composer)
        found = f"select f.src as id from refs f where f.dst = w.id and {edge}"
        return f"select f.id from ({self._within(composer)}) w cross join lateral ({found}) f"

    def _edge(self, row: Row, composer: Composer) -> str:
        return f"f.p = {composer.bind(ids.edge(row.kind, self.parameter), 'int4')} and f.dt = {ids.number(self.kind)}"

    def _within(self, composer: Composer) -> str:
        """The ids of the resources themselves and of all below (above); a circle is walked once."""
        t, p = composer.row(self.kind), composer.bind(ids.edge(self.kind, self.part), "int4")
        here, there = ("dst", "src") if self.below else ("src", "dst")
        return (
            f"with recursive within(id) as (select unnest({composer.bind(list(self.keys), 'uuid[]')}) union"
            f" select g.{there} from within w join refs g on g.{here} = w.id and g.p = {p} and g.dt = {t.rt} and g.st = {t.rt}"
            f" join res {t} on {t}.rt = {t.rt} and {t}.id = g.{there} and {composer.seen(t)}) select id from within"
        )
