"""A search as values: what `parse` makes and the plan reads."""

from collections.abc import Sequence
from functools import reduce

from msgspec import Struct

from maillage.errors import Issue
from maillage.fhir.change import Stored
from maillage.fhir.search.criteria import Criterion, MainDate, TokenIs
from maillage.fhir.search.dates import Bounds
from maillage.fhir.search.texts import Text

DEFAULT_COUNT = 20
MAX_COUNT = 1_000


class SortKey(Struct, frozen=True):
    """One key of `_sort`: `date` (the main date), `updated`, `id`, or what `orders` takes from a row for a parameter of a type:
    `text`, `dated`, `code` or `number`. Without a wish also `amount`, the number that was
    searched for, and `patient`, whose record it is."""

    column: str
    descending: bool
    kind: str = ""
    parameter: str = ""


class Include(Struct, frozen=True):
    """`_include` (from `kind` to what it refers to) or `_revinclude` (from `kind` to the matches). `target` narrows the other side.

    No `kind` is any type, no `parameters` are all of them. `iterate`: what was included is followed in turn.
    """

    kind: str | None
    parameters: tuple[str, ...]
    target: str | None
    iterate: bool = False


class SearchQuery(Struct, frozen=True):
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
    within: str | None = None
    """The compartment that is searched, as `Patient/1`; the condition itself is among the criteria."""

    @property
    def identity(self) -> str:
        """What makes it this search and no other, whatever the page."""
        return repr((self.kind, self.criteria, self.sort))

    @property
    def texts(self) -> tuple[Text, ...]:
        """The criteria that ask for texts."""
        return tuple(one for one in self.criteria if isinstance(one, Text))

    @property
    def codes(self) -> tuple[TokenIs, ...]:
        """The criteria that ask for tokens to be there."""
        return tuple(one for one in self.criteria if isinstance(one, TokenIs) and not one.negated)

    @property
    def bounds(self) -> Bounds:
        """The bounds of the main date."""
        return reduce(Bounds.both, (one.bounds for one in self.criteria if isinstance(one, MainDate)), Bounds(None, None))


class SeveralQuery(Struct, frozen=True):
    """One search of several types: a query for each, without includes. The other fields are those of `SearchQuery`; `sort` is one key at most."""

    queries: tuple[SearchQuery, ...]
    kind: str = "Resource"
    sort: tuple[SortKey, ...] = ()
    count: int = DEFAULT_COUNT
    cursor: str | None = None
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    total: bool = False
    applied: tuple[tuple[str, str], ...] = ()
    issues: tuple[Issue, ...] = ()
    within: str | None = None

    @property
    def identity(self) -> str:
        """What makes it this search and no other, whatever the page."""
        return repr([query.identity for query in self.queries])


class After(Struct, frozen=True):
    """Where a page begins: behind the row with these keys of the order, or at it (`at`)."""

    keys: tuple[str, ...]
    at: bool = False


class StoredPage(Struct, frozen=True):
    """One page of matches and what they include. `next` is the cursor of the page after; `total` is exact, where asked for."""

    matches: Sequence[Stored]
    included: Sequence[Stored] = ()
    next: str | None = None
    total: int | None = None
    issues: tuple[Issue, ...] = ()
