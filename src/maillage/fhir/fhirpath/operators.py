"""What the operators of FHIRPath make of their operands (§6)."""

from collections.abc import Callable
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any

from maillage.fhir.fhirpath.items import Item, Items, typed
from maillage.fhir.fhirpath.values import Measure, Temporal, TimeOfDay

Run = Any
"""`compiling.Run`: where something is refused."""
NUMBERS = Context(prec=34)
DIGITS = 8
"""Of a division, as §4.1.4 lets an engine keep them: those that follow are cut."""
LONGEST = 1_000_000
"""Characters of a text that is put together."""


def reckoned(item: Item) -> Any:
    """A number or a measure; None for anything else."""
    value = typed(item)
    return value if isinstance(value, int | Decimal | Measure) and not isinstance(value, bool) else None


def negative(item: Item) -> Any:
    """Less than nothing by as much; None where it is no number."""
    value = reckoned(item)
    return Measure(-value.value, value.unit, value.calendar) if isinstance(value, Measure) else None if value is None else -value


def same(one: Item, other: Item) -> bool | None:
    """§6.1.1: equal, not, or not to be said (dates of unlike precision, units that measure something else)."""
    a, b = _alike(typed(one), typed(other))
    if (
        isinstance(a, Temporal)
        and isinstance(b, Temporal)
        and (a.zone is None) != (b.zone is None)
        and len(a.parts) > 3
        and len(b.parts) > 3
    ):
        return None
    if isinstance(a, Temporal | TimeOfDay | Measure):
        met = _met(a, b)
        return False if type(a) is not type(b) else None if met is None else met == 0
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return _plain(a) == _plain(b) if type(a) is dict else bool(a == b)


def _met(a: Any, b: Any) -> int | None:
    """-1, 0 or 1 of two values of one kind that have an order of their own; None where it cannot be said."""
    met: int | None = a.compared(b) if type(a) is type(b) else None
    return met


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Both of one kind where one can be read as the other: a text beside a date, a number beside a measure of no unit."""
    if isinstance(a, str) and isinstance(b, Temporal):
        return Temporal.read(a) or a, b
    if isinstance(b, str) and isinstance(a, Temporal):
        return a, Temporal.read(b) or b
    if isinstance(a, Measure) and isinstance(b, int | Decimal) and not isinstance(b, bool):
        return a, Measure(Decimal(b))
    if isinstance(b, Measure) and isinstance(a, int | Decimal) and not isinstance(a, bool):
        return Measure(Decimal(a)), b
    return a, b


def _plain(value: Any) -> Any:
    return {key: each for key, each in value.items() if key != "id"} if type(value) is dict else value


def all_same(one: Items, other: Items) -> bool | None:
    """§6.1.1 of collections: item by item, in their order."""
    if not one or not other:
        return None
    if len(one) != len(other):
        return False
    unsure = False
    for a, b in zip(one, other, strict=True):
        answer = same(a, b)
        if answer is False:
            return False
        unsure = unsure or answer is None
    return None if unsure else True


def alike(one: Item, other: Item) -> bool:
    """§6.1.2: equivalent: texts without case and blanks, decimals to the digits of the less precise, dates of one precision."""
    a, b = _alike(typed(one), typed(other))
    if isinstance(a, str) and isinstance(b, str):
        return " ".join(a.casefold().split()) == " ".join(b.casefold().split())
    if isinstance(a, Decimal | int) and isinstance(b, Decimal | int) and not isinstance(a, bool) and not isinstance(b, bool):
        digits = min(_places(a), _places(b))
        return round(Decimal(a), digits) == round(Decimal(b), digits)
    if isinstance(a, Measure) and isinstance(b, Measure):
        met = a.compared(b)
        return met == 0 if met is not None else (a.value, a.unit) == (b.value, b.unit)
    if isinstance(a, Temporal | TimeOfDay) or isinstance(b, Temporal | TimeOfDay):
        return _met(a, b) == 0
    if type(a) is dict and type(b) is dict and "coding" not in a and "code" in a and "code" in b:
        return bool((a.get("system"), a["code"]) == (b.get("system"), b["code"]))
    if type(a) is dict and type(b) is dict:
        return a.keys() - {"id"} == b.keys() - {"id"} and all(
            all_alike(_items(a[key]), _items(b[key])) for key in a if key != "id"
        )
    return a is b if isinstance(a, bool) or isinstance(b, bool) else bool(a == b)


def _items(value: Any) -> Items:
    return [Item(one) for one in value] if isinstance(value, list) else [Item(value)]


def _places(value: Decimal | int) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent)) if isinstance(value, Decimal) else 0


def all_alike(one: Items, other: Items) -> bool:
    """§6.1.2 of collections: whatever their order."""
    if len(one) != len(other):
        return False
    left = list(other)
    for a in one:
        met = next((at for at, b in enumerate(left) if alike(a, b)), None)
        if met is None:
            return False
        del left[met]
    return True


def has(items: Items, wanted: Item) -> bool:
    """Whether one of these is equal to it."""
    return any(same(one, wanted) is True for one in items)


def distinct(items: Items, run: Run) -> Items:
    """Each once, where it first stands."""
    seen: dict[Any, None] = {}
    found: Items = []
    for item in items:
        value = typed(item)
        if type(value) in (str, int):
            if (type(value), value) in seen:
                continue
            seen[(type(value), value)] = None
        else:
            run.step(len(found))
            if has(found, item):
                continue
        found.append(item)
    return found


def union(one: Items, other: Items, run: Run) -> Items:
    """§6.3.3."""
    return distinct([*one, *other], run)


def text_of(item: Item | None) -> str:
    """A value within `&`: its text, "" for none."""
    if item is None or item.value is None:
        return ""
    value = item.value
    return (
        ("true" if value else "false")
        if isinstance(value, bool)
        else format(value, "f")
        if isinstance(value, Decimal)
        else str(value)
    )


def joined(one: str, other: str, run: Run) -> str:
    """One text after the other, up to LONGEST."""
    if len(one) + len(other) > LONGEST:
        run.refuse(f"a text of more than {LONGEST} characters is made")
    return one + other


def _order(one: Item, other: Item, run: Run) -> int | None:
    a, b = _alike(typed(one), typed(other))
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return _unordered(one, other, run)
    if isinstance(a, int | Decimal) and isinstance(b, int | Decimal):
        return (a > b) - (a < b)
    if isinstance(a, str) and isinstance(b, str):
        return (a > b) - (a < b)
    if isinstance(a, Temporal | TimeOfDay | Measure) and type(a) is type(b):
        return _met(a, b)
    return _unordered(one, other, run)


def _unordered(one: Item, other: Item, run: Run) -> int | None:
    run.refuse(f"{_named(one)} and {_named(other)} have no order")
    return None


def _named(item: Item) -> str:
    return item.kind or type(item.value).__name__


def _compares(holds: Callable[[int], bool]) -> Callable[[Item, Item, Run], bool | None]:
    def of_two(one: Item, other: Item, run: Run) -> bool | None:
        met = _order(one, other, run)
        return None if met is None else holds(met)

    return of_two


def _add(one: Item, other: Item, run: Run) -> Any:
    a, b = typed(one), typed(other)
    if isinstance(a, str) and isinstance(b, str):
        return joined(a, b, run)
    return _moved(a, b, 1, one, other, run) if isinstance(a, Temporal | TimeOfDay) else _sum(one, other, 1, "+", run)


def _take(one: Item, other: Item, run: Run) -> Any:
    a, b = typed(one), typed(other)
    return _moved(a, b, -1, one, other, run) if isinstance(a, Temporal | TimeOfDay) else _sum(one, other, -1, "-", run)


def _moved(a: Any, b: Any, sign: int, one: Item, other: Item, run: Run) -> Any:
    if not isinstance(b, Measure):
        return _no_numbers(one, other, "+" if sign > 0 else "-", run)
    if not b.calendar and b.unit in ("a", "mo"):
        return run.refuse(f"{b} is of no exact length: say {'years' if b.unit == 'a' else 'months'}")
    moved = a.plus(b, sign)
    return moved if moved is not None else run.refuse(f"{b} does not move {a}")


def _sum(one: Item, other: Item, sign: int, operator: str, run: Run) -> Any:
    a, b = reckoned(one), reckoned(other)
    if isinstance(a, Measure) and isinstance(b, Measure):
        if (a.unit, a.calendar) == (b.unit, b.calendar):
            return Measure(a.value + sign * b.value, a.unit, a.calendar)
        mine, theirs = a.in_base(), b.in_base()
        if mine is None or theirs is None or mine[1] != theirs[1] or not a.value:
            return None
        return Measure(NUMBERS.add(a.value, sign * theirs[0] * a.value / mine[0]), a.unit, a.calendar)
    if a is None or b is None or isinstance(a, Measure) or isinstance(b, Measure):
        return _no_numbers(one, other, operator, run)
    return _number(NUMBERS.add(Decimal(a), sign * Decimal(b)), a, b)


def _number(value: Decimal, a: int | Decimal, b: int | Decimal) -> int | Decimal:
    return int(value) if isinstance(a, int) and isinstance(b, int) else value


def _no_numbers(one: Item, other: Item, operator: str, run: Run) -> Any:
    return run.refuse(f"{_named(one)} {operator} {_named(other)} is not reckoned")


def _times(one: Item, other: Item, run: Run) -> Any:
    a, b = reckoned(one), reckoned(other)
    if isinstance(a, Measure) and isinstance(b, Measure):
        units = [unit for unit in (a.unit, b.unit) if unit != "1"]
        return Measure(NUMBERS.multiply(a.value, b.value), ".".join(units) or "1")
    if a is None or b is None:
        return _no_numbers(one, other, "*", run)
    if isinstance(a, Measure):
        return Measure(NUMBERS.multiply(a.value, Decimal(b)), a.unit, a.calendar)
    if isinstance(b, Measure):
        return Measure(NUMBERS.multiply(Decimal(a), b.value), b.unit, b.calendar)
    return _number(NUMBERS.multiply(Decimal(a), Decimal(b)), a, b)


def _divided(one: Item, other: Item, run: Run) -> Any:
    a, b = reckoned(one), reckoned(other)
    if a is None or b is None or (isinstance(b, Measure) and not isinstance(a, Measure)):
        return _no_numbers(one, other, "/", run)
    below = b.value if isinstance(b, Measure) else Decimal(b)
    if not below:
        return None
    if isinstance(a, Measure):
        unit = a.unit if not isinstance(b, Measure) or b.unit == "1" else "1" if a.unit == b.unit else f"{a.unit}/{b.unit}"
        return Measure(_cut(NUMBERS.divide(a.value, below)), unit, a.calendar and not isinstance(b, Measure))
    return _cut(NUMBERS.divide(Decimal(a), below))


def _cut(value: Decimal) -> Decimal:
    exact = -int(value.as_tuple().exponent)
    return value if exact <= DIGITS else round(value, DIGITS).normalize() + Decimal(0)


def _div(one: Item, other: Item, run: Run) -> Any:
    a, b = _two_numbers(one, other, "div", run)
    return None if not b else int(NUMBERS.divide_int(Decimal(a), Decimal(b)))


def _mod(one: Item, other: Item, run: Run) -> Any:
    a, b = _two_numbers(one, other, "mod", run)
    return None if not b else _number(NUMBERS.remainder(Decimal(a), Decimal(b)), a, b)


def _two_numbers(one: Item, other: Item, operator: str, run: Run) -> tuple[Any, Any]:
    a, b = reckoned(one), reckoned(other)
    if a is None or b is None or isinstance(a, Measure) or isinstance(b, Measure):
        _no_numbers(one, other, operator, run)
    return a, b


def floor(value: Decimal) -> int:
    """The whole number below."""
    return int(value.to_integral_value(ROUND_FLOOR))


def _answer(value: bool | None) -> Items:
    return [] if value is None else [Item(value)]


def _not_same(one: Items, other: Items, run: Run) -> Items:
    answer = all_same(one, other)
    return _answer(None if answer is None else not answer)


def _in(one: Items, other: Items, run: Run) -> Items:
    item = run.one(one, "in")
    return [] if item is None else [Item(has(other, item))]


def _contains(one: Items, other: Items, run: Run) -> Items:
    item = run.one(other, "contains")
    return [] if item is None else [Item(has(one, item))]


OF_LISTS: dict[str, Callable[[Items, Items, Run], Items]] = {
    "=": lambda one, other, run: _answer(all_same(one, other)),
    "!=": _not_same,
    "~": lambda one, other, run: [Item(all_alike(one, other))],
    "!~": lambda one, other, run: [Item(not all_alike(one, other))],
    "|": union,
    "in": _in,
    "contains": _contains,
}
OF_TWO: dict[str, Callable[[Item, Item, Run], Any]] = {
    "<": _compares(lambda met: met < 0), "<=": _compares(lambda met: met <= 0), ">": _compares(lambda met: met > 0), ">=": _compares(lambda met: met >= 0),
    "+": _add, "-": _take, "*": _times, "/": _divided, "div": _div, "mod": _mod,
}  # fmt: skip


def _and(one: bool | None, other: bool | None) -> bool | None:
    return False if one is False or other is False else None if one is None or other is None else True


def _or(one: bool | None, other: bool | None) -> bool | None:
    return True if one or other else None if one is None or other is None else False


def _xor(one: bool | None, other: bool | None) -> bool | None:
    return None if one is None or other is None else one != other


def _implies(one: bool | None, other: bool | None) -> bool | None:
    return True if one is False or other else None if one is None or other is None else False


LOGIC: dict[str, Callable[[bool | None, bool | None], bool | None]] = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}
