"""Search: parameters → query → plan → SQL → page. The only place that composes SQL."""

from maillage.fhir.search.answered import searchable
from maillage.fhir.search.parse import OF_ALL_TYPES, Owner, parse, parse_several
from maillage.fhir.search.query import DEFAULT_COUNT, MAX_COUNT, Include, SearchQuery, SeveralQuery, SortKey, StoredPage
from maillage.fhir.search.run import count, search
from maillage.fhir.search.several import search_several

__all__ = [
    "DEFAULT_COUNT",
    "MAX_COUNT",
    "OF_ALL_TYPES",
    "Include",
    "Owner",
    "SearchQuery",
    "SeveralQuery",
    "SortKey",
    "StoredPage",
    "count",
    "parse",
    "parse_several",
    "search",
    "search_several",
    "searchable",
]
