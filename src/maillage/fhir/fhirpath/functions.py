"""The functions of FHIRPath (§5), those that FHIR R4 adds (fhirpath.html#functions), and SDC's `ordinal()`. Each is made with its arguments compiled."""

import html
import json
import re
import re._parser as _parser  # type: ignore[import-not-found]
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import hexlify, unhexlify
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import cmp_to_key
from typing import Any

from maillage.errors import Invalid
from maillage.fhir.fhirpath import operators
from maillage.fhir.fhirpath.compiling import Run, Step, compile_
from maillage.fhir.fhirpath.items import Item, Items, all_children, children, is_a, items_of, type_of, typed
from maillage.fhir.fhirpath.parsing import Tree
from maillage.fhir.fhirpath.values import CALENDAR, Measure, Temporal, TimeOfDay, read_time, zone_of

WEIGHTS = frozenset(
    {"http://hl7.org/fhir/StructureDefinition/ordinalValue", "http://hl7.org/fhir/StructureDefinition/itemWeight"}
)
LONGEST_PATTERN = 1_000
ROUNDED = Context(prec=28)
_MEASURE = re.compile(r"([+-]?\d+(?:\.\d+)?)(?:\s+(?:'([^']+)'|([a-z]+)))?")
Make = Callable[[tuple[Tree, ...]], Step]
_MADE: dict[str, tuple[int, int, Make]] = {}
"""By name: the fewest and the most arguments, and what makes the closure."""


def called(name: str, arguments: tuple[Tree, ...]) -> Step:
    """The closure of a call. Invalid for a function that is not known, or another number of arguments than it takes."""
    if name not in _MADE:
        raise Invalid(f"FHIRPath has no function {name}()")
    least, most, make = _MADE[name]
    if not least <= len(arguments) <= most:
        takes = str(least) if least == most else f"{least} to {most}"
        raise Invalid(f"{name}() takes {takes} arguments, not {len(arguments)}")
    return make(arguments)


def _declare(name: str, least: int = 0, most: int | None = None) -> Callable[[Make], Make]:
    def declare(make: Make) -> Make:
        _MADE[name] = (least, least if most is None else most, make)
        return make

    return declare


def _each(item: Item, at: int, step: Step, run: Run) -> Items:
    """What a criterion or a projection finds of one item, which is `$this` meanwhile."""
    this, index = run.this, run.index
    run.step()
    run.this, run.index = [item], at
    try:
        return step(run.this, run)
    finally:
        run.this, run.index = this, index


def _holds(item: Item, at: int, step: Step, run: Run) -> bool:
    return run.truth(_each(item, at, step, run)) is True


# --- of collections


def _of_items(name: str, make: Callable[[Items, Run], Items]) -> None:
    _MADE[name] = (0, 0, lambda arguments: make)


def _of_two(name: str, make: Callable[[Items, Items, Run], Items]) -> None:
    def made(arguments: tuple[Tree, ...]) -> Step:
        other = compile_(arguments[0])
        return lambda focus, run: make(focus, other(run.this, run), run)

    _MADE[name] = (1, 1, made)


def _truths(name: str, answer: Callable[[list[bool]], bool]) -> None:
    def make(focus: Items, run: Run) -> Items:
        if any(not isinstance(one.value, bool) for one in focus):
            run.refuse(f"{name}() takes true and false")
        return [Item(answer([one.value for one in focus]))]

    _of_items(name, make)


_of_items("empty", lambda focus, run: [Item(not focus)])
_of_items("not", lambda focus, run: [] if (said := run.truth(focus)) is None else [Item(not said)])
_of_items("count", lambda focus, run: [Item(len(focus))])
_of_items("distinct", operators.distinct)
_of_items("isDistinct", lambda focus, run: [Item(len(operators.distinct(focus, run)) == len(focus))])
_of_items("first", lambda focus, run: focus[:1])
_of_items("last", lambda focus, run: focus[-1:])
_of_items("tail", lambda focus, run: focus[1:])
_of_items("single", lambda focus, run: focus if len(focus) < 2 else run.refuse(f"single() takes one value, not {len(focus)}"))
_of_items("children", lambda focus, run: [child for item in focus for child in all_children(item)])
_of_items(
    "hasValue", lambda focus, run: [Item(len(focus) == 1 and focus[0].value is not None and type(focus[0].value) is not dict)]
)
_of_items(
    "getValue",
    lambda focus, run: focus if len(focus) == 1 and focus[0].value is not None and type(focus[0].value) is not dict else [],
)
_of_items("trace", lambda focus, run: focus)
_truths("allTrue", all)
_truths("anyTrue", any)
_truths("allFalse", lambda said: not any(said))
_truths("anyFalse", lambda said: not all(said))
_of_two("subsetOf", lambda focus, other, run: [Item(all(operators.has(other, one) for one in focus))])
_of_two("supersetOf", lambda focus, other, run: [Item(all(operators.has(focus, one) for one in other))])
_of_two("union", operators.union)
_of_two("combine", lambda focus, other, run: [*focus, *other])
_of_two("intersect", lambda focus, other, run: operators.distinct([one for one in focus if operators.has(other, one)], run))
_of_two("exclude", lambda focus, other, run: [one for one in focus if not operators.has(other, one)])
_MADE["trace"] = (1, 2, lambda arguments: lambda focus, run: focus)


def _descendants(focus: Items, run: Run) -> Items:
    found: Items = []
    level = focus
    while level:
        level = [child for item in level for child in all_children(item)]
        run.step(len(level))
        found += level
    return found


_of_items("descendants", _descendants)


@_declare("exists", 0, 1)
def _exists(arguments: tuple[Tree, ...]) -> Step:
    if not arguments:
        return lambda focus, run: [Item(bool(focus))]
    criterion = compile_(arguments[0])
    return lambda focus, run: [Item(any(_holds(item, at, criterion, run) for at, item in enumerate(focus)))]


@_declare("all", 1)
def _all(arguments: tuple[Tree, ...]) -> Step:
    criterion = compile_(arguments[0])
    return lambda focus, run: [Item(all(_holds(item, at, criterion, run) for at, item in enumerate(focus)))]


@_declare("where", 1)
def _where(arguments: tuple[Tree, ...]) -> Step:
    match arguments[0]:
        case ("=", ("name", name), ("literal", str() as wanted)):  # the frequent one: items of a name, codes of a system

            def by_text(focus: Items, run: Run) -> Items:
                run.step(len(focus))
                return [item for item in focus if _is_text(item, name, wanted)]

            return by_text
    criterion = compile_(arguments[0])
    return lambda focus, run: [item for at, item in enumerate(focus) if _holds(item, at, criterion, run)]


def _is_text(item: Item, name: str, wanted: str) -> bool:
    value = item.value
    held = value.get(name) if type(value) is dict else None
    if type(held) is str and item.kind:
        return held == wanted
    found = children(item, name)
    return len(found) == 1 and found[0].value == wanted


@_declare("select", 1)
def _select(arguments: tuple[Tree, ...]) -> Step:
    projection = compile_(arguments[0])
    return lambda focus, run: [found for at, item in enumerate(focus) for found in _each(item, at, projection, run)]


@_declare("repeat", 1)
def _repeat(arguments: tuple[Tree, ...]) -> Step:
    projection = compile_(arguments[0])
    tree = arguments[0][0] == "name"  # elements of elements: no one comes twice

    def repeat(focus: Items, run: Run) -> Items:
        found: Items = []
        waiting = list(focus)
        while waiting:
            level = [one for at, item in enumerate(waiting) for one in _each(item, at, projection, run)]
            waiting = level if tree else []
            if not tree:
                for one in level:
                    run.step(len(found))
                    if not operators.has(found, one):
                        found.append(one)
                        waiting.append(one)
            else:
                found += level
        return found

    return repeat


@_declare("aggregate", 1, 2)
def _aggregate(arguments: tuple[Tree, ...]) -> Step:
    aggregator = compile_(arguments[0])
    start = compile_(arguments[1]) if len(arguments) > 1 else None

    def aggregate(focus: Items, run: Run) -> Items:
        before = run.total
        run.total = start(run.this, run) if start else []
        try:
            for at, item in enumerate(focus):
                run.total = _each(item, at, aggregator, run)
            return run.total
        finally:
            run.total = before

    return aggregate


def _summed(name: str, fold: Callable[[Item, Item, Run], Any]) -> None:
    def make(focus: Items, run: Run) -> Items:
        total: Item | None = None
        for item in focus:
            if total is None:
                total = item
                continue
            answer = fold(total, item, run)
            if answer is None:
                return []
            total = answer if isinstance(answer, Item) else Item(answer)
        return [] if total is None else [total]

    _of_items(name, make)


_summed("sum", operators.OF_TWO["+"])
_summed("min", lambda one, other, run: other if operators.OF_TWO[">"](one, other, run) else one)
_summed("max", lambda one, other, run: other if operators.OF_TWO["<"](one, other, run) else one)


@_declare("avg")
def _avg(arguments: tuple[Tree, ...]) -> Step:
    total = _MADE["sum"][2](())

    def avg(focus: Items, run: Run) -> Items:
        found = total(focus, run)
        answer = operators.OF_TWO["/"](found[0], Item(len(focus)), run) if found else None
        return [] if answer is None else [Item(answer)]

    return avg


def _some(name: str, cut: Callable[[Items, int], Items]) -> None:
    def make(arguments: tuple[Tree, ...]) -> Step:
        count = compile_(arguments[0])

        def step(focus: Items, run: Run) -> Items:
            item = run.one(count(run.this, run), name)
            if item is None or type(item.value) is not int:
                return list(run.refuse(f"{name}() takes a whole number"))
            return cut(focus, item.value)

        return step

    _MADE[name] = (1, 1, make)


_some("skip", lambda focus, count: focus[max(0, count) :])
_some("take", lambda focus, count: focus[: max(0, count)])


@_declare("iif", 2, 3)
def _iif(arguments: tuple[Tree, ...]) -> Step:
    condition, *branches = (compile_(one) for one in arguments)

    def iif(focus: Items, run: Run) -> Items:
        if len(focus) > 1:
            run.refuse(f"iif() takes one value, not {len(focus)}")
        this, run.this = run.this, focus
        try:
            said = run.truth(condition(focus, run)) is True
            return branches[0](focus, run) if said else branches[1](focus, run) if len(branches) > 1 else []
        finally:
            run.this = this

    return iif


@_declare("sort", 0, 9)
def _sort(arguments: tuple[Tree, ...]) -> Step:
    """By each key in turn; one behind a minus the other way round; what has no key comes first."""
    trees: tuple[Tree, ...] = arguments or (("this",),)
    keys = [(compile_(one[2]), -1) if one[:2] == ("sign", "-") else (compile_(one), 1) for one in trees]

    def sort(focus: Items, run: Run) -> Items:
        run.step(len(focus) * 10)
        found = [(item, [run.one(_each(item, at, key, run), "sort()") for key, _ in keys]) for at, item in enumerate(focus)]

        def order(one: Any, other: Any) -> int:
            for (_, sign), a, b in zip(keys, one[1], other[1], strict=True):
                if met := _placed(a, b, run):
                    return sign * met
            return 0

        return [item for item, _ in sorted(found, key=cmp_to_key(order))]

    return sort


def _placed(one: Item | None, other: Item | None, run: Run) -> int:
    if one is None or other is None:
        return (one is not None) - (other is not None)
    return -1 if operators.OF_TWO["<"](one, other, run) else 1 if operators.OF_TWO[">"](one, other, run) else 0


def _comparable(focus: Items, other: Items, run: Run) -> Items:
    one, two = run.one(focus, "comparable()"), run.one(other, "comparable()")
    if one is None or two is None:
        return []
    a, b = typed(one), typed(two)
    return [Item(isinstance(a, Measure) and isinstance(b, Measure) and a.compared(b) is not None)]


_of_two("comparable", _comparable)


# --- of types


def of_type(operator: str, before: Step, name: str) -> Step:
    """`is` and `as`, as operators and as functions."""

    def step(focus: Items, run: Run) -> Items:
        item = run.one(before(focus, run), operator)
        if item is None:
            return []
        return [Item(is_a(item, name))] if operator == "is" else [item] if is_a(item, name) else []

    return step


def _type_name(tree: Tree) -> str:
    match tree:
        case ("name", name):
            return str(name)
        case ("of", ("name", space), ("name", name)):
            return f"{space}.{name}"
    raise Invalid("the name of a type is expected")


def _typed_as(operator: str) -> Make:
    return lambda arguments: of_type(operator, lambda focus, run: focus, _type_name(arguments[0]))


for _operator in ("is", "as"):
    _MADE[_operator] = (1, 1, _typed_as(_operator))


@_declare("ofType", 1)
def _of_type(arguments: tuple[Tree, ...]) -> Step:
    name = _type_name(arguments[0])
    return lambda focus, run: [item for item in focus if is_a(item, name)]


@_declare("type")
def _type(arguments: tuple[Tree, ...]) -> Step:
    def step(focus: Items, run: Run) -> Items:
        named = (type_of(item) for item in focus)
        return [Item({"namespace": space, "name": name}) for space, name in named]

    return step


def _converted(name: str, read: Callable[[Any], Any]) -> None:
    """`toX()` and `convertsToX()`."""

    def value_of(focus: Items, run: Run) -> Any:
        item = run.one(focus, f"to{name}()")
        return None if item is None else read(typed(item))

    def to(arguments: tuple[Tree, ...]) -> Step:
        return lambda focus, run: [] if (found := value_of(focus, run)) is None else [Item(found)]

    def converts(arguments: tuple[Tree, ...]) -> Step:
        return lambda focus, run: [Item(value_of(focus, run) is not None)] if focus else []

    _MADE[f"to{name}"], _MADE[f"convertsTo{name}"] = (0, 1, to), (0, 1, converts)


def _as_boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {
            "true": True,
            "t": True,
            "yes": True,
            "y": True,
            "1": True,
            "1.0": True,
            "false": False,
            "f": False,
            "no": False,
            "n": False,
            "0": False,
            "0.0": False,
        }.get(value.lower())
    if isinstance(value, int | Decimal):
        return {1: True, 0: False}.get(int(value)) if value == int(value) else None
    return None


def _as_integer(value: Any) -> int | None:
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII) else None


def _as_decimal(value: Any) -> Decimal | None:
    if isinstance(value, int | Decimal):
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(?:\.\d+)?", value, re.ASCII) else None


def _as_string(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict) else operators.text_of(Item(value))


def _as_date(value: Any) -> Temporal | None:
    if isinstance(value, str):
        value = Temporal.read(value)
    return Temporal(value.parts[:3], None, is_date=True) if isinstance(value, Temporal) else None


def _as_date_time(value: Any) -> Temporal | None:
    if isinstance(value, str):
        value = Temporal.read(value)
    return Temporal(value.parts, value.zone) if isinstance(value, Temporal) else None


def _as_time(value: Any) -> TimeOfDay | None:
    return value if isinstance(value, TimeOfDay) else read_time(value) if isinstance(value, str) else None


def _as_quantity(value: Any) -> Measure | None:
    if isinstance(value, Measure):
        return value
    if isinstance(value, bool | int | Decimal):
        return Measure(Decimal(int(value) if isinstance(value, bool) else value))
    found = _MEASURE.fullmatch(value) if isinstance(value, str) else None
    if found is None or (found[3] and found[3] not in CALENDAR):
        return None
    return (
        Measure(Decimal(found[1]), CALENDAR[found[3]], calendar=True) if found[3] else Measure(Decimal(found[1]), found[2] or "1")
    )


for _name, _read in (
    ("Boolean", _as_boolean), ("Integer", _as_integer), ("Decimal", _as_decimal), ("String", _as_string), ("Date", _as_date), ("DateTime", _as_date_time), ("Time", _as_time),
    ("Quantity", _as_quantity),
):  # fmt: skip
    _converted(_name, _read)


# --- of text


def _of_text(name: str, least: int, most: int, make: Callable[..., Any]) -> None:
    """A function of one text and of other texts or numbers; nothing where one of them is not there."""

    def made(arguments: tuple[Tree, ...]) -> Step:
        others = [compile_(one) for one in arguments]

        def step(focus: Items, run: Run) -> Items:
            item = run.one(focus, f"{name}()")
            given = [run.one(one(run.this, run), f"{name}()") for one in others]
            if item is None or item.value is None or any(one is None for one in given):
                return []
            text = typed(item)
            if not isinstance(text, str):
                text = str(text) if isinstance(text, Temporal | TimeOfDay) else run.refuse(f"{name}() takes a text")
            answer = make(text, *(one.value for one in given if one is not None))
            if isinstance(answer, list):
                run.step(len(answer))
                return [Item(one) for one in answer]
            return [] if answer is None else [Item(answer)]

        return step

    _MADE[name] = (least, most, made)


def _matched(pattern: str) -> re.Pattern[str]:
    """A pattern, compiled. Invalid for none, and for one that repeats what repeats or branches: on some texts it would never end."""
    if len(pattern) > LONGEST_PATTERN:
        raise Invalid(f"a pattern has at most {LONGEST_PATTERN} characters")
    try:
        if _runs_away(_parser.parse(pattern, re.DOTALL)):
            raise Invalid(f"{pattern!r} repeats what itself repeats or branches, which may never end")
        return re.compile(pattern, re.DOTALL)
    except (re.error, RecursionError, OverflowError) as fault:
        raise Invalid(f"{pattern!r} is no pattern: {fault}") from None


def _runs_away(parsed: Any, *, within: bool = False) -> bool:
    """Whether a repetition holds another, or a choice."""
    for code, argument in parsed:
        repeats = str(code) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and argument[1] > 1
        if within and (repeats or str(code) == "BRANCH"):
            return True
        inner = [
            part for part in (argument if isinstance(argument, tuple | list) else ()) if isinstance(part, _parser.SubPattern)
        ]
        branches = argument[1] if str(code) == "BRANCH" else ()
        if any(_runs_away(part, within=within or repeats) for part in (*inner, *branches)):
            return True
    return False


def _replaced(text: str, pattern: str, new: str) -> str:
    if not pattern:
        return text
    try:
        return _matched(pattern).sub(re.sub(r"\$(\d+)", r"\\g<\1>", new), text)
    except (re.error, IndexError) as fault:
        raise Invalid(f"{new!r} does not replace {pattern!r}: {fault}") from None


def _part(text: str, start: int, length: int | None = None) -> str | None:
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(0, length)]


_of_text("indexOf", 1, 1, lambda text, other: text.find(other))
_of_text("substring", 1, 2, _part)
_of_text("startsWith", 1, 1, lambda text, other: text.startswith(other))
_of_text("endsWith", 1, 1, lambda text, other: text.endswith(other))
_of_text("contains", 1, 1, lambda text, other: other in text)
_of_text("upper", 0, 0, str.upper)
_of_text("lower", 0, 0, str.lower)
_of_text("trim", 0, 0, str.strip)
_of_text("length", 0, 0, len)
_of_text("toChars", 0, 0, list)
_of_text("split", 1, 1, lambda text, other: text.split(other) if other else [text])
_of_text("replace", 2, 2, lambda text, old, new: text.replace(old, new))
_of_text("matches", 1, 1, lambda text, pattern: _matched(pattern).search(text) is not None)
_of_text("matchesFull", 1, 1, lambda text, pattern: _matched(pattern).fullmatch(text) is not None)
_of_text("replaceMatches", 2, 2, _replaced)


@_declare("join", 0, 1)
def _join(arguments: tuple[Tree, ...]) -> Step:
    between = compile_(arguments[0]) if arguments else None

    def step(focus: Items, run: Run) -> Items:
        item = run.one(between(run.this, run), "join()") if between else None
        return [Item((item.value if item else "").join(operators.text_of(one) for one in focus))] if focus else []

    return step


_CODED: dict[str, Callable[[bytes], bytes]] = {"hex": hexlify, "base64": b64encode, "urlbase64": urlsafe_b64encode}
_DECODED: dict[str, Callable[[bytes], bytes]] = {"hex": unhexlify, "base64": b64decode, "urlbase64": urlsafe_b64decode}


def _coded(text: str, how: str) -> str | None:
    return _CODED[how](text.encode()).decode() if how in _CODED else None


def _decoded(text: str, how: str) -> str | None:
    try:
        return _DECODED[how](text.encode()).decode() if how in _DECODED else None
    except ValueError:
        return None


def _escaped(text: str, how: str) -> str | None:
    return html.escape(text) if how == "html" else json.dumps(text, ensure_ascii=False)[1:-1] if how == "json" else None


def _unescaped(text: str, how: str) -> str | None:
    if how == "html":
        return html.unescape(text)
    try:
        return str(json.loads(f'"{text}"')) if how == "json" else None
    except ValueError:
        return text


_of_text("encode", 1, 1, _coded)
_of_text("decode", 1, 1, _decoded)
_of_text("escape", 1, 1, _escaped)
_of_text("unescape", 1, 1, _unescaped)


# --- of numbers


def _of_number(name: str, least: int, most: int, make: Callable[..., Any]) -> None:
    def made(arguments: tuple[Tree, ...]) -> Step:
        others = [compile_(one) for one in arguments]

        def step(focus: Items, run: Run) -> Items:
            item = run.one(focus, f"{name}()")
            given = [run.one(one(run.this, run), f"{name}()") for one in others]
            if item is None or any(one is None for one in given):
                return []
            numbers = [operators.reckoned(one) for one in (item, *(one for one in given if one is not None))]
            if any(one is None or (isinstance(one, Measure) and name != "abs") for one in numbers):
                run.refuse(f"{name}() takes numbers")
            try:
                answer = make(*numbers)
            except InvalidOperation:  # no such number: the root of a negative one, the logarithm of nothing
                return []
            return [] if answer is None else [Item(answer)]

        return step

    _MADE[name] = (least, most, made)


def _power(base: Any, exponent: Any) -> Any:
    found = operators.NUMBERS.power(Decimal(base), Decimal(exponent))
    return int(found) if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0 else found


def _logarithm(value: Any, base: Any) -> Decimal | None:
    if value <= 0 or base <= 0 or base == 1:
        return None
    return ROUNDED.plus(operators.NUMBERS.divide(operators.NUMBERS.ln(Decimal(value)), operators.NUMBERS.ln(Decimal(base))))


def _rounded(value: Any, places: Any = 0) -> Decimal:
    return Decimal(value).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP)


_of_number(
    "abs", 0, 0, lambda value: Measure(abs(value.value), value.unit, value.calendar) if isinstance(value, Measure) else abs(value)
)
_of_number("ceiling", 0, 0, lambda value: -operators.floor(-Decimal(value)))
_of_number("floor", 0, 0, lambda value: operators.floor(Decimal(value)))
_of_number("truncate", 0, 0, int)
_of_number("exp", 0, 0, lambda value: operators.NUMBERS.exp(Decimal(value)))
_of_number("ln", 0, 0, lambda value: operators.NUMBERS.ln(Decimal(value)) if value > 0 else None)
_of_number("log", 1, 1, _logarithm)
_of_number("sqrt", 0, 0, lambda value: operators.NUMBERS.sqrt(Decimal(value)) if value >= 0 else None)
_of_number("power", 1, 1, _power)
_of_number("round", 0, 1, _rounded)


# --- of the moment, and of FHIR


def _now(name: str, make: Callable[[Any], Any]) -> None:
    def step(focus: Items, run: Run) -> Items:
        now = run.environment.now
        return [Item(make(now))] if now is not None else list(run.refuse(f"no instant is given for {name}()"))

    _of_items(name, step)


def _moment(now: Any) -> Temporal:
    zone = zone_of(now).utcoffset(None)
    second = Decimal(now.second) + Decimal(now.microsecond // 1_000) / 1_000
    parts = (Decimal(now.year), Decimal(now.month), Decimal(now.day), Decimal(now.hour), Decimal(now.minute), second)
    return Temporal(parts, int(zone.total_seconds() // 60))


_now("now", _moment)
_now("today", lambda now: Temporal(_moment(now).parts[:3], None, is_date=True))
_now("timeOfDay", lambda now: TimeOfDay(_moment(now).parts[3:]))


@_declare("extension", 1)
def _extension(arguments: tuple[Tree, ...]) -> Step:
    url = compile_(arguments[0])

    def step(focus: Items, run: Run) -> Items:
        item = run.one(url(run.this, run), "extension()")
        run.step(len(focus))
        return (
            []
            if item is None
            else [
                one
                for parent in focus
                for one in children(parent, "extension")
                if type(one.value) is dict and one.value.get("url") == item.value
            ]
        )

    return step


@_declare("resolve")
def _resolve(arguments: tuple[Tree, ...]) -> Step:
    def step(focus: Items, run: Run) -> Items:
        ask = run.environment.resolve
        names = [one.value.get("reference") if type(one.value) is dict else one.value for one in focus]
        run.step(len(names))
        contained = run.environment.root or run.environment.resource or {}
        within = {f"#{one.get('id')}": one for one in contained.get("contained", ()) if type(one) is dict}
        found = [
            within.get(name) or (ask(name) if ask and not name.startswith("#") else None) for name in names if type(name) is str
        ]
        return [item for one in found if one is not None for item in items_of(one)]

    return step


@_declare("memberOf", 1)
def _member_of(arguments: tuple[Tree, ...]) -> Step:
    value_set = compile_(arguments[0])

    def step(focus: Items, run: Run) -> Items:
        ask, url = run.environment.member_of, run.one(value_set(run.this, run), "memberOf()")
        item = run.one(focus, "memberOf()")
        if item is None or url is None:
            return []
        return [Item(ask(item.value, url.value))] if ask else list(run.refuse("no terminology is given for memberOf()"))

    return step


def _not_here(name: str, most: int) -> None:
    _MADE[name] = (0, most, lambda arguments: lambda focus, run: list(run.refuse(f"{name}() is not evaluated here")))


for _name, _most in (
    ("conformsTo", 1),
    ("elementDefinition", 0),
    ("slice", 2),
    ("checkModifiers", 9),
    ("subsumes", 1),
    ("subsumedBy", 1),
    ("htmlChecks", 0),
):
    _not_here(_name, _most)


def _ordinal(focus: Items, run: Run) -> Items:
    """SDC 3.0.0, « FHIRPath supplements »: what each answer weighs, by its own extension, else by the option of the questionnaire's item that it answers."""
    found = []
    for item in focus:
        run.step()
        weight = _weight(children(item, "extension"))
        if weight is None and type(item.value) is dict:
            weight = _weight_offered(item.value, run)
        if weight is not None:
            found.append(Item(weight))
    return found


def _weight_offered(coding: dict[str, Any], run: Run) -> Any:
    if run.weights is None:
        run.weights = _offered(run), _asked(run)
    weights, asked = run.weights
    key = (coding.get("system"), coding.get("code"))
    name = asked.get(id(coding))
    if name is not None:
        return weights.get((name, *key))
    known = {weight for (_, *of), weight in weights.items() if tuple(of) == key}
    return known.pop() if len(known) == 1 else None


def _weight(extensions: Items) -> Any:
    said = (one.value for one in extensions if type(one.value) is dict and one.value.get("url") in WEIGHTS)
    number = next((one.get("valueDecimal", one.get("valueInteger")) for one in said), None)
    return None if number is None else number if isinstance(number, int) else Decimal(str(number))


def _offered(run: Run) -> dict[tuple[Any, ...], Any]:
    """The weights of the options of %questionnaire, by linkId, system and code."""
    questionnaire = run.environment.variables.get("questionnaire")
    source = questionnaire.value if isinstance(questionnaire, Item) else questionnaire
    found: dict[tuple[Any, ...], Any] = {}
    for one in _every(source if isinstance(source, dict) else {}, run):
        for option in one.get("answerOption", ()):
            coding = option.get("valueCoding")
            weight = (
                None
                if coding is None
                else _weight(items_of([*coding.get("extension", ()), *option.get("extension", ())], "Extension"))
            )
            if weight is not None:
                found[one.get("linkId"), coding.get("system"), coding.get("code")] = weight
    return found


def _asked(run: Run) -> dict[int, str]:
    """The linkId of each coding of %resource that answers, by which object it is: two items may offer the same coding, and weigh it differently."""
    response = run.environment.resource
    found: dict[int, str] = {}
    for one in _every(response if isinstance(response, dict) else {}, run):
        for answer in one.get("answer", ()):
            if type(answer.get("valueCoding")) is dict:
                key = id(answer["valueCoding"])
                found[key] = one.get("linkId", "") if found.get(key, one.get("linkId")) == one.get("linkId") else ""
    return found


def _every(source: dict[str, Any], run: Run) -> Iterator[dict[str, Any]]:
    """Each item of a questionnaire or a response, those below answers too."""
    waiting = list(source.get("item", ()))
    while waiting:
        one = waiting.pop()
        run.step()
        waiting += one.get("item", ())
        waiting += [inner for answer in one.get("answer", ()) for inner in answer.get("item", ())]
        yield one


_of_items("ordinal", _ordinal)
_of_items("weight", _ordinal)
