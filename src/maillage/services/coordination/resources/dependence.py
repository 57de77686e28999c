"""How much help somebody needs (GIR 1 to 6, grid AGGIR): the last that a record says, wherever it says it. Pure; tolerant of what others write."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from maillage.services.coordination.resources import fact, telling

Resource = Mapping[str, Any]

_GIR = re.compile(r"\b(?:AG)?GIR\b\D{0,4}([1-6])(?!\d)", re.IGNORECASE)
_LEVEL = re.compile(r"\D*([1-6])\D*")


@dataclass(frozen=True, slots=True)
class Gir:
    """A level (1: everything is done for the person, 6: nothing is); when it was said, FHIR text; who said it."""

    level: int
    at: str
    who: str


def gir(resources: Iterable[Resource]) -> Gir | None:
    """The last level said by the page of somebody's life, by an assessment (Observation) or by a right (Coverage); None where nobody did."""
    said = [
        Gir(int(level), telling.date_of(one), telling.who_of(one))
        for one in resources
        if (level := _level(one)) and not fact.is_over(dict(one))
    ]
    return max(said, key=lambda one: one.at[:10], default=None)


def _level(one: Resource) -> str:
    match one["resourceType"]:
        case "QuestionnaireResponse" if fact.FACTS["domicile"].is_one(dict(one)):
            return fact.FACTS["domicile"].values(dict(one))["gir"]
        case "Coverage":
            words = " ".join(str(part.get("value", "")) for part in one.get("class", []))
            return found[1] if (found := _GIR.search(words)) else ""
        case "Observation" if _is_grid(one):
            value = next((one[name] for name in ("valueInteger", "valueString") if name in one), "") or (
                telling.text(one.get("valueCodeableConcept")) or one.get("valueQuantity", {}).get("value", "")
            )
            return found[1] if (found := _LEVEL.fullmatch(str(value))) else ""
        case _:
            return ""


def _is_grid(one: Resource) -> bool:
    code = one.get("code", {})
    said = [code.get("text", ""), *(coding.get("display", "") for coding in code.get("coding", []))]
    return any(re.search(r"\b(AG)?GIR\b", str(words), re.IGNORECASE) for words in said)
