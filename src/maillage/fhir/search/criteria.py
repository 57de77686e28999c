"""The conditions of a search, each able to write itself as SQL about one row of `res`.

Each has two forms (`Composer.by_index`): one that an index can answer, for statements whose plan the planner chooses by value; and one
that no index can, for statements that drive an index of their own (`= any(tok)`, `ts_match_vq`, scalar sub-selects).
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct

from maillage.fhir import ids
from maillage.fhir.index import HOT
from maillage.fhir.rows import long
from maillage.fhir.search.compose import Composer, Row
from maillage.fhir.search.dates import Bounds, DateTest, hull

PATIENT = "Patient"
LONGER = "interval '25 hours'"
"""`rows.SHORT`, as the index of long ranges says it."""
INSTANT = timedelta(milliseconds=1)
"""How long a time of writing lasts: it is kept in whole milliseconds."""


class Criterion(Protocol):
    """One condition; several are joined by AND."""

    def sql(self, row: Row, composer: Composer) -> str: ...


@runtime_checkable
class Reaching(Criterion, Protocol):
    """A condition that can also list the rows it holds for, by walking references: the cost is that of what is walked, whatever the planner believes."""

    @property
    def stable(self) -> bool:
        """Whether one plan of the list is right for all values."""
        ...

    def ids(self, row: Row, composer: Composer) -> str:
        """A select of the `id` of every row of the type of `row` for which this holds (some more than once)."""
        ...


class TokenIs(Struct, frozen=True):
    """A token or URI among the values; `negated` is `:not` (true also where there is no value)."""

    values: tuple[int, ...]
    parameter: str = ""
    negated: bool = False
    coded: bool = True
    """Whether every value has a code (`system|` has none): `hot` keeps no others."""

    def sql(self, row: Row, composer: Composer) -> str:
        if composer.by_index and not self.negated:
            return f"{row}.tok && {composer.bind(list(self.values), 'int8[]')}"
        found = either(f"{composer.bind(value, 'int8')} = any({row}.tok)" for value in self.values)
        return f"not {found}" if self.negated else found

    def declared(self, kind: str) -> bool:
        """Whether `hot` lists the rows of this type that it holds for."""
        return self.parameter in HOT.get(kind, ()) and not self.negated and self.coded


class MainDate(Struct, frozen=True):
    """The main date of the type (`d0`, `d1`) passes one of the tests."""

    tests: tuple[DateTest, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        passed = either(test.sql(f"{row}.d0", f"{row}.d1", composer.bind) for test in self.tests)
        parts = [f"{row}.d1 is not null", passed]
        if composer.by_index:
            parts += self._bounds(row, composer)
        return f"({' and '.join(parts)})"

    @property
    def bounds(self) -> Bounds:
        return hull(self.tests)

    def _bounds(self, row: Row, composer: Composer) -> list[str]:
        bounds, parts = self.bounds, []
        if bounds.upper:
            parts.append(f"{row}.d0 < {composer.bind(bounds.upper, 'timestamptz')}")
        if bounds.lower:
            lower = f"{row}.d0 >= {composer.bind(bounds.lower, 'timestamptz')}"
            parts.append(lower if bounds.long else f"({lower} or {row}.d1 - {row}.d0 > {LONGER})")
        return parts


class OtherDate(Struct, frozen=True):
    """A date parameter kept in `hot` under a key of its own."""

    key: int
    tests: tuple[DateTest, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        short, beyond = composer.bind(self.key, "int8"), composer.bind(long(self.key), "int8")
        passed = either(test.sql("h.d0", "h.d1", composer.bind) for test in self.tests)
        return f"(select true from hot h where h.id = {row}.id and h.k in ({short}, {beyond}) and {passed} limit 1) is true"

    @property
    def stable(self) -> bool:
        return False

    def ids(self, row: Row, composer: Composer) -> str:
        short, beyond = composer.bind(self.key, "int8"), composer.bind(long(self.key), "int8")
        passed = either(test.sql("h.d0", "h.d1", composer.bind) for test in self.tests)
        bounds = hull(self.tests)
        upper = f" and h.d0 < {composer.bind(bounds.upper, 'timestamptz')}" if bounds.upper else ""
        lower = f" and h.d0 >= {composer.bind(bounds.lower, 'timestamptz')}" if bounds.lower else ""
        return (
            f"select h.id from hot h where h.k = {short} and {passed}{upper}{lower}"
            f" union all select h.id from hot h where h.k = {beyond} and {passed}{upper}{lower if bounds.long else ''}"
        )


class UpdatedAt(Struct, frozen=True):
    """`_lastUpdated` passes one of the tests."""

    tests: tuple[DateTest, ...]

    @property
    def bounds(self) -> Bounds:
        return hull(self.tests, INSTANT)

    def sql(self, row: Row, composer: Composer) -> str:
        at, bounds = f"{row}.updated", self.bounds
        parts = [either(test.sql(at, f"({at} + interval '1 millisecond')", composer.bind) for test in self.tests)]
        if bounds.lower:
            parts.append(f"{at} >= {composer.bind(bounds.lower, 'timestamptz')}")
        if bounds.upper:
            parts.append(f"{at} < {composer.bind(bounds.upper, 'timestamptz')}")
        return f"({' and '.join(parts)})"


class Target(Struct, frozen=True):
    """A resource that a reference may name; without a type when the search gave only an id."""

    key: UUID
    kind: str | None


class RefersTo(Struct, frozen=True):
    """A reference parameter names one of the targets, or (for what is no resource of this store) has one of the tokens."""

    parameter: str
    targets: tuple[Target, ...]
    tokens: tuple[int, ...]
    home: bool
    """Whether the patient of the compartment is this parameter's patient (`compartment.home`)."""

    def sql(self, row: Row, composer: Composer) -> str:
        parts = [
            f"(select true from refs f where f.src = {row}.id and {self._edges(row, composer, *group)} limit 1) is true"
            for group in self._by_type()
        ]
        parts += [f"{row}.patient = {composer.bind(t.key, 'uuid')}" for t in self.targets if self._may_be_home(t)]
        if self.tokens:
            parts.append(TokenIs(self.tokens).sql(row, composer))
        return either(parts)

    @property
    def patient(self) -> UUID | None:
        """The one compartment patient that this asks for, if that is all it asks."""
        if len(self.targets) == 1 and not self.tokens and self.only_home(self.targets[0]):
            return self.targets[0].key
        return None

    @property
    def stable(self) -> bool:
        return True

    def ids(self, row: Row, composer: Composer) -> str:
        parts = [f"select f.src as id from refs f where {self._edges(row, composer, *group)}" for group in self._by_type()]
        if patients := [t.key for t in self.targets if self._may_be_home(t)]:
            bound = composer.bind(patients, "uuid[]")
            parts.append(f"select h.id from res h where h.rt = {row.rt} and h.patient = any({bound})")
        if self.tokens:
            bound = composer.bind(list(self.tokens), "int8[]")
            parts.append(f"select h.id from (select * from res where tok && {bound} offset 0) h where h.rt = {row.rt}")
        return " union all ".join(parts)

    def rows(self, row: Row, composer: Composer) -> str | None:
        """A select of the rows themselves, where their patient is all that is asked for: each is taken where its index entry is read."""
        if self.tokens or not all(map(self.only_home, self.targets)):
            return None
        patients = composer.bind([target.key for target in self.targets], "uuid[]")
        return f"select h.* from res h where h.rt = {row.rt} and h.patient = any({patients})"

    def only_home(self, target: Target) -> bool:
        return self.home and target.kind == PATIENT

    def _may_be_home(self, target: Target) -> bool:
        return self.home and target.kind in {PATIENT, None}

    def _by_type(self) -> list[tuple[str | None, list[UUID]]]:
        """The targets that edges lead to, by their type (None: any)."""
        kinds = dict.fromkeys(target.kind for target in self.targets if not self.only_home(target))
        return [(kind, [target.key for target in self.targets if target.kind == kind]) for kind in kinds]

    def _edges(self, row: Row, composer: Composer, kind: str | None, keys: list[UUID]) -> str:
        typed = f" and f.dt = {ids.number(kind)}" if kind else ""
        p = composer.bind(ids.edge(row.kind, self.parameter), "int4")
        return f"f.dst = any({composer.bind(keys, 'uuid[]')}) and f.p = {p}{typed}"


class IdIs(Struct, frozen=True):
    """`_id`."""

    keys: tuple[UUID, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        return f"{row}.id = any({composer.bind(list(self.keys), 'uuid[]')})"


class Present(Struct, frozen=True):
    """`:missing`: whether the parameter has a value (`mark` is `rows.present`)."""

    mark: int
    missing: bool

    def sql(self, row: Row, composer: Composer) -> str:
        return f"{'not ' if self.missing else ''}{composer.bind(self.mark, 'int8')} = any({row}.has)"


def either(conditions: Iterable[str]) -> str:
    return f"({' or '.join(conditions)})"
