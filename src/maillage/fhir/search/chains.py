"""Conditions on resources that stand elsewhere in the graph: chains (`subject:Patient.family`) and `_has`, to any depth.

Each can be asked of one row (a probe, along the edges of that row), or asked for all rows it holds for (from the far end of the chain).
"""

from dataclasses import dataclass
from enum import StrEnum

from maillage.fhir import ids
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.rows import long
from maillage.fhir.search.compose import Composer, Row
from maillage.fhir.search.criteria import PATIENT, Criterion, IdIs, Reaching, TokenIs, either
from maillage.fhir.search.texts import Text, with_texts

NEARLY_UNIQUE = frozenset({"identifier", "email", "phone", "telecom", "url"})
"""Token parameters whose values few resources share."""


class Walk(StrEnum):
    """How a reference parameter leads to another resource: by its type and id, or by a canonical that is its URL (R4 references.html#canonical)."""

    ID = "id"
    URL = "url"


def walks(parameter: SearchParameter) -> tuple[Walk, ...]:
    """The ways in which the values of a reference parameter may lead further. A canonical may also be written `Type/id`."""
    by_url = any(place["type"] != "Reference" for place in parameter.places)
    return (Walk.ID, Walk.URL) if by_url else (Walk.ID,)


@dataclass(frozen=True, slots=True)
class Chained:
    """The reference names a resource (that the caller may see) of one of these types for which the criterion holds."""

    parameter: str
    ways: tuple[tuple[str, Criterion], ...]
    home: bool
    walks: tuple[Walk, ...] = (Walk.ID,)

    def sql(self, row: Row, composer: Composer) -> str:
        return either(
            self._probe(row, composer.probing(), kind, criterion, walk) for kind, criterion in self.ways for walk in self.walks
        )

    @property
    def stable(self) -> bool:
        return all(is_stable(criterion) for _, criterion in self.ways)

    def ids(self, row: Row, composer: Composer) -> str:
        return " union all ".join(
            self._reached(row, composer, kind, criterion, walk) for kind, criterion in self.ways for walk in self.walks
        )

    def _probe(self, row: Row, composer: Composer, kind: str, criterion: Criterion, walk: Walk) -> str:
        t = composer.row(kind)
        if self.home and kind == PATIENT:
            return f"(select true from res {t} where {t}.id = {row}.patient and {_holds(t, criterion, composer)} limit 1) is true"
        p = composer.bind(ids.edge(row.kind, self.parameter), "int4")
        if walk is Walk.URL:
            far = f"(select true from res {t} where {t}.id = g.src and {_holds(t, criterion, composer)} limit 1) {t}"
            edges = f"refs f join refs g on g.dst = f.dst and g.dt = {ids.IS} and g.st = {t.rt}"
            return f"(select true from {edges} cross join lateral {far} where f.src = {row}.id and f.p = {p} and f.dt = {ids.CITES} limit 1) is true"
        far = f"(select true from res {t} where {t}.id = f.dst and {_holds(t, criterion, composer)} limit 1) {t}"
        return f"(select true from refs f cross join lateral {far} where f.src = {row}.id and f.p = {p} and f.dt = {t.rt} limit 1) is true"

    def _reached(self, row: Row, composer: Composer, kind: str, criterion: Criterion, walk: Walk) -> str:
        far = rows_for(criterion, kind, composer)
        if self.home and kind == PATIENT:
            near = f"(select h.id from res h where h.patient = far.id and h.rt = {row.rt} offset 0) near"
        elif walk is Walk.URL:
            p = composer.bind(ids.edge(row.kind, self.parameter), "int4")
            edges = f"refs g join refs f on f.dst = g.dst and f.p = {p} and f.dt = {ids.CITES}"
            near = f"(select f.src as id from {edges} where g.src = far.id and g.dt = {ids.IS} and g.st = {ids.number(kind)} offset 0) near"
        else:
            p = composer.bind(ids.edge(row.kind, self.parameter), "int4")
            near = (
                f"(select f.src as id from refs f where f.dst = far.id and f.p = {p} and f.dt = {ids.number(kind)} offset 0) near"
            )
        return f"select near.id from {far} far cross join lateral {near}"


@dataclass(frozen=True, slots=True)
class HasReferrer:
    """`_has`: a resource (that the caller may see) refers to this one and the criterion holds for it."""

    kind: str
    parameter: str
    criterion: Criterion
    home: bool
    walks: tuple[Walk, ...] = (Walk.ID,)

    def sql(self, row: Row, composer: Composer) -> str:
        return either(self._probe(row, composer.probing(), walk) for walk in self.walks)

    def _probe(self, row: Row, probe: Composer, walk: Walk) -> str:
        t = probe.row(self.kind)
        holds = _holds(t, self.criterion, probe)
        if self.home and row.kind == PATIENT:
            return f"(select true from res {t} where {t}.patient = {row}.id and {holds} limit 1) is true"
        p = probe.bind(ids.edge(self.kind, self.parameter), "int4")
        far = f"(select true from res {t} where {t}.id = f.src and {holds} limit 1) {t}"
        if walk is Walk.URL:
            edges = f"refs g join refs f on f.dst = g.dst and f.p = {p} and f.dt = {ids.CITES}"
            return f"(select true from {edges} cross join lateral {far} where g.src = {row}.id and g.dt = {ids.IS} and g.st = {row.rt} limit 1) is true"
        return f"(select true from refs f cross join lateral {far} where f.dst = {row}.id and f.p = {p} and f.dt = {row.rt} limit 1) is true"

    @property
    def stable(self) -> bool:
        return is_stable(self.criterion)

    def ids(self, row: Row, composer: Composer) -> str:
        return " union all ".join(self._referred(row, composer, walk) for walk in self.walks)

    def _referred(self, row: Row, composer: Composer, walk: Walk) -> str:
        far = rows_for(self.criterion, self.kind, composer)
        if self.home and row.kind == PATIENT:
            return f"select far.patient as id from {far} far where far.patient is not null"
        p = composer.bind(ids.edge(self.kind, self.parameter), "int4")
        if walk is Walk.URL:
            edges = f"refs f join refs g on g.dst = f.dst and g.dt = {ids.IS} and g.st = {row.rt}"
            near = f"(select g.src as id from {edges} where f.src = far.id and f.p = {p} and f.dt = {ids.CITES} offset 0) near"
            return f"select near.id from {far} far cross join lateral {near}"
        near = f"(select f.dst as id from refs f where f.src = far.id and f.p = {p} and f.dt = {row.rt} offset 0) near"
        return f"select near.id from {far} far cross join lateral {near}"


def rows_for(criterion: Criterion, kind: str, composer: Composer) -> str:
    """`(select id, patient …)` of the rows of a type for which the criterion holds and that the caller may see.

    `offset 0` has each list planned by itself and for all of its rows, so that no limit above it makes reading a table whole look cheap.
    """
    row = composer.row(kind)
    if isinstance(criterion, Reaching):
        near = f"(select * from res where rt = {row.rt} and id = s.id limit 1) {row}"
        found = f"({listed(criterion, row, composer)}) s cross join lateral {near} where"
    elif sharp(criterion) and isinstance(criterion, TokenIs):
        source = f"(select * from res where tok && {composer.bind(list(criterion.values), 'int8[]')} offset 0) {row}"
        found = f"{source} where {row}.rt = {row.rt} and"
    else:
        row, condition = _found(criterion, row, composer)
        found = f"{condition} and"
    return f"(select {row}.id, {row}.patient from {found} {composer.seen(row)} offset 0)"


def listed(criterion: Criterion, row: Row, composer: Composer) -> str:
    """A select of the ids for which the criterion holds (what is not reached is not yet known to be seen by the caller)."""
    if isinstance(criterion, Reaching):
        select = criterion.ids(row, composer)
    else:
        found, condition = _found(criterion, composer.row(row.kind), composer)
        select = f"select {found}.id from {condition}"
    return f"select distinct id from ({select}) d" if composer.whole else select


def _found(criterion: Criterion, row: Row, composer: Composer) -> tuple[Row, str]:
    """The rows for which a criterion holds that walks no reference: under which name, and `… where …`."""
    if isinstance(criterion, TokenIs) and criterion.declared(row.kind):
        keys = [number for value in criterion.values for number in (value, long(value))]
        return Row("h", row.kind), f"hot h where h.k = any({composer.bind(keys, 'int8[]')})"
    if isinstance(criterion, Text):
        return row, f"{with_texts((criterion,), row, composer)} where {row}.rt = {row.rt}"
    return row, f"res {row} where {row}.rt = {row.rt} and {criterion.sql(row, composer.indexed())}"


def sharp(criterion: Criterion) -> bool:
    """Whether few resources can match, whatever the value."""
    unique = isinstance(criterion, TokenIs) and criterion.parameter in NEARLY_UNIQUE and not criterion.negated and criterion.coded
    return unique or isinstance(criterion, IdIs)


def is_stable(criterion: Criterion) -> bool:
    """Whether the rows for which it holds are listed by one plan that is right for all values."""
    return criterion.stable if isinstance(criterion, Reaching) else sharp(criterion)


def _holds(row: Row, criterion: Criterion, composer: Composer) -> str:
    return f"{row}.rt = {row.rt} and {criterion.sql(row, composer)} and {composer.seen(row)}"
