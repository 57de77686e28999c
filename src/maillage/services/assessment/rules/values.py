"""Values of answers: made of what an expression found, compared, written in words. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from maillage.errors import Invalid
from maillage.services.assessment.resources.questionnaire import VALUE_OF, Item, Value

Resource = Mapping[str, Any]


def answer(item: Item, found: Any) -> Value:
    """What an expression found, as the answer to an item. Invalid where it is no such value: a text where a number is asked, a code that is not offered."""
    name = VALUE_OF[item.kind]
    match item.kind:
        case "integer" | "decimal":
            said = number(found)
            if said is None or (item.kind == "integer" and said != said.to_integral_value()):
                raise _unlike(item, found)
            return {name: int(said) if item.kind == "integer" else said}
        case "boolean":
            if not isinstance(found, bool):
                raise _unlike(item, found)
            return {name: found}
        case "quantity":
            return {name: _quantity(item, found)}
        case "choice" | "open-choice":
            return _chosen(item, found)
        case "reference" | "attachment":
            if not isinstance(found, Mapping):
                raise _unlike(item, found)
            return {name: dict(found)}
        case _:
            if isinstance(found, Mapping | bool):
                raise _unlike(item, found)
            return {name: str(found)}


def _quantity(item: Item, found: Any) -> dict[str, Any]:
    if isinstance(found, Mapping) and "value" in found:
        return {key: found[key] for key in ("value", "unit", "system", "code") if key in found}
    said = number(found)
    if said is None:
        raise _unlike(item, found)
    unit = item.units[0] if item.units else {}
    return {"value": said} | {
        key: value
        for key, value in (
            ("unit", unit.get("display") or unit.get("code")),
            ("system", unit.get("system")),
            ("code", unit.get("code")),
        )
        if value
    }


def _chosen(item: Item, found: Any) -> Value:
    code = found.get("code") if isinstance(found, Mapping) else str(found)
    for option in item.options:
        for name, value in option.value.items():
            if (value.get("code") if isinstance(value, Mapping) else str(value)) == code:
                return {name: value}
    if item.kind == "open-choice" and not isinstance(found, Mapping):
        return {"valueString": str(found)}
    raise _unlike(item, found)


def _unlike(item: Item, found: Any) -> Invalid:
    return Invalid(f"{found!r} is no answer of type {item.kind} to {item.link_id}")


def number(value: Any) -> Decimal | None:
    """A number, of a quantity too; None for anything else."""
    if isinstance(value, Mapping):
        value = value.get("value")
    if value is None or isinstance(value, bool | Mapping):
        return None
    try:
        said = Decimal(str(value))
    except InvalidOperation:
        return None
    return said if said.is_finite() else None


def meets(answers: Sequence[Any], operator: str, wanted: Any) -> bool:
    """Whether a condition of enableWhen holds of the answers: of one of them, with `!=` of none that is the same (R4 questionnaire-enable-operator)."""
    if operator == "exists":
        return bool(answers) is bool(wanted)
    if operator == "!=":
        return bool(answers) and not any(_compared(one, "=", wanted) for one in answers)
    return any(_compared(one, operator, wanted) for one in answers)


def _compared(said: Any, operator: str, wanted: Any) -> bool:
    if operator == "=":
        return _same(said, wanted)
    one, other = _ordered(said, wanted)
    if one is None or other is None or type(one) is not type(other):
        return False
    return bool({">": one > other, "<": one < other, ">=": one >= other, "<=": one <= other}[operator])


def _same(said: Any, wanted: Any) -> bool:
    if isinstance(said, Mapping) and isinstance(wanted, Mapping):
        if "code" in said or "code" in wanted:
            alike = said.get("code") == wanted.get("code") and said.get("system", wanted.get("system")) == wanted.get(
                "system", said.get("system")
            )
            return alike and number(said) == number(wanted)
        return bool({**said} == {**wanted})
    one, other = number(said), number(wanted)
    return one == other if one is not None and other is not None else bool(said == wanted and type(said) is type(wanted))


def _ordered(said: Any, wanted: Any) -> tuple[Any, Any]:
    if isinstance(said, Mapping) and isinstance(wanted, Mapping) and said.get("code") != wanted.get("code"):
        return None, None  # 70 mg is neither more nor less than 1 g until somebody says how
    one, other = number(said), number(wanted)
    if one is not None and other is not None:
        return one, other
    return (said, wanted) if isinstance(said, str) and isinstance(wanted, str) else (None, None)


def same_choice(value: Any, offered: Any) -> bool:
    """Whether an answer is one of those that are offered: codings by system and code."""
    if isinstance(value, dict) and isinstance(offered, dict) and ("code" in offered or "code" in value):
        return (value.get("system"), value.get("code")) == (offered.get("system"), offered.get("code"))
    return bool(value == offered)
