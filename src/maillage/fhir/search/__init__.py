"""Search: parameters → query → plan → SQL → page. The only place that composes SQL."""

from maillage.fhir.search.parse import parse, searchable
from maillage.fhir.search.query import DEFAULT_COUNT, MAX_COUNT, Include, SearchQuery, SortKey, StoredPage
from maillage.fhir.search.run import count, search

__all__ = [
    "DEFAULT_COUNT",
    "MAX_COUNT",
    "Include",
    "SearchQuery",
    "SortKey",
    "StoredPage",
    "count",
    "parse",
    "search",
    "searchable",
]
