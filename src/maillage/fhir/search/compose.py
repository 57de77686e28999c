"""What the criteria need to write SQL: an alias, parameters, the caller's scope."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Self
from uuid import UUID

from msgspec import Struct

from maillage.fhir import ids
from maillage.fhir.scope import Scope


class Row(Struct, frozen=True):
    """A row of `res` in a statement."""

    alias: str
    kind: str

    @property
    def rt(self) -> int:
        return ids.number(self.kind)

    def __str__(self) -> str:
        return self.alias


@dataclass(slots=True)
class Composer:
    """Collects the parameters of one statement. Texts depend on the shape of a search only, so that plans are reused."""

    scope: Scope
    by_index: bool = False
    """Whether conditions are written so that an index of the planner's choice can answer them; else so that none can, as the statement drives one."""
    whole: bool = False
    """Whether lists of ids are wanted to their end, each id once on every step; else only their beginning."""
    params: dict[str, Any] = field(default_factory=dict)
    _aliases: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.params.update(self.scope.params)

    def probing(self) -> Self:
        """For conditions that no index may answer, in the same statement."""
        return replace(self, by_index=False)

    def indexed(self) -> Self:
        """For conditions that an index of the planner's choice answers, in the same statement."""
        return replace(self, by_index=True)

    def bind(self, value: Any, cast: str) -> str:
        """Where a value stands in the statement. Lists of keys go as text: those of 500 people take 0.1 ms, by the driver's own dumper 0.5."""
        name = f"p{len(self.params)}"
        self.params[name] = _keys(value) if cast == "uuid[]" else value
        return f"%({name})s::{cast}"

    def row(self, kind: str) -> Row:
        """A further row of `res`, under a new alias."""
        return Row(f"t{next(self._aliases)}", kind)

    def seen(self, row: Row, among: str | None = None) -> str:
        """The caller's scope for a row of known type; `among`: a relation that has all such rows."""
        return f"({self.scope.sql(row.alias, rt=str(row.rt), among=among)})"


def _keys(keys: Iterable[UUID | None]) -> str:
    """An array of keys as SQL writes it."""
    return "{" + ",".join("null" if key is None else key.hex for key in keys) + "}"


class Statement(Struct, frozen=True):
    """SQL to run. `stable` statements drive their own index and keep one generic plan."""

    text: str
    params: Mapping[str, Any]
    stable: bool
