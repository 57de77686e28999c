"""Values of answers in French words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from maillage.ui.words import care_date
from maillage.ui.words import number as number_words


def shown(value: Any) -> str:
    """A value in French words, as a page says it."""
    match value:
        case bool():
            return "Oui" if value else "Non"
        case Mapping() if "value" in value:
            return " ".join(filter(None, (shown(value["value"]), str(value.get("unit") or value.get("code") or ""))))
        case Mapping():
            return str(value.get("display") or value.get("code") or value.get("title") or value.get("reference") or "")
        case int() | Decimal() | float():
            return number_words(Decimal(str(value)))
        case str() if len(value) == 10 and value[4:5] == value[7:8] == "-":
            return care_date(value)
        case None:
            return ""
        case _:
            return str(value)
