"""A search as values: what `parse` makes and the plan reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from maillage.errors import Issue
from maillage.fhir.change import Stored
from maillage.fhir.search.criteria import Criterion

DEFAULT_COUNT = 20
MAX_COUNT = 1_000


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`: `date` (the main date), `updated` or `id`."""

    column: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` (from `kind` to what it refers to) or `_revinclude` (from `kind` to the matches). `target` narrows the other side.

    No `kind` is any type, no `parameters` are all of them. `iterate`: what was included is followed in turn.
    """

    kind: str | None
    parameters: tuple[str, ...]
    target: str | None
    iterate: bool = False


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One search of one type. `count` 0 asks for the number of matches only."""

    kind: str
    criteria: tuple[Criterion, ...] = ()
    sort: tuple[SortKey, ...] = ()
    count: int = DEFAULT_COUNT
    cursor: str | None = None
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    total: bool = False
    applied: tuple[tuple[str, str], ...] = ()
    """The parameters that were understood, without the cursor: what the self link says."""
    issues: tuple[Issue, ...] = ()
    """What a lenient search left out, and why."""


@dataclass(frozen=True, slots=True)
class StoredPage:
    """One page of matches and what they include. `next` is the cursor of the page after; `total` is exact, where asked for."""

    matches: Sequence[Stored]
    included: Sequence[Stored] = ()
    next: str | None = None
    total: int | None = None
    issues: tuple[Issue, ...] = ()
