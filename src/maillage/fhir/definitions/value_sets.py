"""Build step: the codes of the value sets that R4 binds as required, where they are small and wholly known."""

from collections.abc import Iterator
from typing import Any

MAX_CODES = 1_000
"""Larger or open sets (media types, currencies, UCUM, LOINC answers) are left unchecked: docs/adr/0005-validation.md."""

Concept = tuple[str, str]
"""(code system, code)."""


class ValueSets:
    """Expands value sets from the CodeSystems and ValueSets of the definitions."""

    def __init__(self, resources: list[dict[str, Any]]) -> None:
        self._sets = {r["url"]: r for r in resources if r["resourceType"] == "ValueSet"}
        self._systems = {r["url"]: r for r in resources if r["resourceType"] == "CodeSystem"}

    def concepts(self, url: str) -> set[Concept] | None:
        """Every concept of the value set, or None when it is open, filtered, unknown or too large."""
        found = self._sets.get(url.split("|")[0])
        if found is None or found["compose"].get("exclude"):
            return None
        concepts: set[Concept] = set()
        for include in found["compose"]["include"]:
            part = self._included(include)
            if part is None:
                return None
            concepts |= part
        return concepts if 0 < len(concepts) <= MAX_CODES else None

    def _included(self, include: dict[str, Any]) -> set[Concept] | None:
        if "filter" in include:
            return None
        if "valueSet" in include:
            parts = [self.concepts(url) for url in include["valueSet"]]
            return None if None in parts else set().union(*(part for part in parts if part))
        system = include["system"]
        if "concept" in include:
            return {(system, concept["code"]) for concept in include["concept"]}
        known = self._systems.get(system)
        if known is None or known.get("content") != "complete":
            return None
        return {(system, code) for code in _codes(known.get("concept", []))}


def _codes(concepts: list[dict[str, Any]]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", []))
