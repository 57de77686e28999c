"""Whom a search is about, by what it asks: the answer may show no row of theirs and tell of them all the same (a total, or that there is nothing)."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from maillage.fhir import ids
from maillage.fhir.search import SearchQuery, SeveralQuery
from maillage.fhir.search.chains import Chained
from maillage.fhir.search.criteria import Criterion, IdIs, RefersTo

PATIENT = "Patient"


def people_named(query: SearchQuery | SeveralQuery) -> set[UUID]:
    """The keys of the Patients that a search names by their id: by a reference, through a chain, as the compartment, or themselves."""
    kind, _, id = (query.within or "").partition("/")
    owner = {ids.key(id)} if kind == PATIENT else set[UUID]()
    queries = query.queries if isinstance(query, SeveralQuery) else (query,)
    return owner.union(*(_named(one.kind, one.criteria) for one in queries))


def _named(kind: str, criteria: Iterable[Criterion]) -> Iterator[UUID]:
    for one in criteria:
        match one:
            case IdIs() if kind == PATIENT:
                yield from one.keys
            case RefersTo():
                yield from (target.key for target in one.targets if target.kind == PATIENT or (one.home and target.kind is None))
            case Chained():
                for far, criterion in one.ways:
                    yield from _named(far, [criterion])
