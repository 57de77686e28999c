"""What an answer may be: what is required, how long, between which values."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from maillage.services.assessment.resources.questionnaire import Item
from maillage.services.assessment.resources.response import Node, every
from maillage.services.assessment.resources.words import shown
from maillage.services.assessment.rules.filling import Filled
from maillage.services.assessment.rules.values import number, same_choice

NEEDED = "Répondez à cette question : elle est nécessaire"
LONGEST = 10_000
"""Characters of an answer whose item says no maxLength."""


def missing(done: Filled) -> dict[str, str]:
    """What is required and not answered, by the name of its node."""
    return {
        node.name: NEEDED
        for node in _asked(done)
        if node.item.required and not node.item.read_only and (node.empty if node.item.kind == "group" else not node.answers)
    }


def faults(done: Filled) -> dict[str, str]:
    """What was answered and may not be, by the name of its node."""
    return {
        node.name: words
        for node in _asked(done)
        if not node.item.calculated
        for words in [next(filter(None, (fault(node.item, value) for answer in node.answers for value in answer.values())), "")]
        if words
    }


def _asked(done: Filled) -> Iterable[Node]:
    return (node for node in every(done.nodes) if node.name not in done.disabled)


def fault(item: Item, value: Any) -> str:
    """Why this may not be the answer to an item, or nothing."""
    if isinstance(value, str) and len(value) > (item.max_length or LONGEST):
        return f"Écrivez au plus {item.max_length or LONGEST} caractères"
    if (
        item.options
        and item.kind == "choice"
        and not any(same_choice(value, one) for option in item.options for one in option.value.values())
    ):
        return "Choisissez une des réponses proposées"
    if item.kind in ("integer", "decimal", "quantity", "date", "dateTime"):
        return _beyond(item, value)
    return ""


def _beyond(item: Item, value: Any) -> str:
    said, low, high = (_ordered(one) for one in (value, item.low, item.high))
    if said is None:
        return ""
    if low is not None and type(low) is type(said) and said < low:
        return f"Au moins {shown(item.low)}"
    if high is not None and type(high) is type(said) and said > high:
        return f"Au plus {shown(item.high)}"
    places = -int(said.as_tuple().exponent) if hasattr(said, "as_tuple") else 0
    if item.decimals is not None and places > item.decimals:
        return f"Au plus {item.decimals} chiffres après la virgule" if item.decimals else "Un nombre entier est attendu"
    return ""


def _ordered(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            return None
    return number(value)
