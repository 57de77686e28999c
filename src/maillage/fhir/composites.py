"""Composite parameters: what the index keeps so that values which stand together are found together (R4 search.html#composite).

A code with a quantity, or with two numbers: the codes are kept beside the amount. A code with another code or a reference: a token of
both. A code with a text or a date (on a whole Observation, which has one of each): the text under the name of the composite, as the
parameter of its own reads it from more places; nothing for the date.
"""

from collections.abc import Callable, Iterator
from typing import Any

from maillage.errors import Invalid
from maillage.fhir.amounts import Amount
from maillage.fhir.extraction import COLLECTORS, Collect, IndexRows, Node, visit
from maillage.fhir.tokens import hash64

MAX_PAIRS = 10_000
"""Tokens of one composite in one group of a resource."""


def own_name(composite: str, component: dict[str, Any]) -> str:
    """The parameter under which the values of a component are kept."""
    return composite if component["type"] == "string" else str(component["code"])


def pair(kind: str, composite: str, first: int, second: int) -> int:
    """The token of two values that stand together."""
    return hash64(f"{kind}|{composite}|{first}${second}")


def referred(target: str) -> int:
    """The number of the second value of a pair that is a reference: `Type/id` or an id."""
    return hash64(f"reference|{target}")


def collector(kind: str, code: str, place: dict[str, Any]) -> Collect:
    """What collects the values of a composite from the whole resource, for one of its kinds of groups."""
    components = place["components"]
    trees = [_tree(kind, own_name(code, one), one) for one in components]
    whole = [one.get("root", False) for one in components]
    begins = frozenset(found["steps"][0] for found in components[-1]["places"])
    steps, join = place["steps"], _JOINS[components[1]["type"]]

    def collect(resource: Any, rows: IndexRows) -> None:
        if (steps[0] not in resource) if steps else begins.isdisjoint(resource):
            return
        for group in _groups(resource, steps):
            if begins.isdisjoint(group):
                continue
            parts = [_part(tree, resource if root else group, rows) for tree, root in zip(trees, whole, strict=True)]
            if all(part.present for part in parts):
                rows.present.add(code)
                join(kind, code, parts, rows)

    return collect


def _tree(kind: str, name: str, component: dict[str, Any]) -> Node:
    tree = Node()
    for place in component["places"]:
        tree.at(place["steps"]).collect.append(COLLECTORS[component["type"]](kind, name, place, False))
    return tree


def _groups(value: Any, steps: list[str]) -> Iterator[Any]:
    if type(value) is list:
        for item in value:
            yield from _groups(item, steps)
    elif not steps:
        yield value
    elif steps[0] in value:
        yield from _groups(value[steps[0]], steps[1:])


def _part(tree: Node, value: Any, rows: IndexRows) -> IndexRows:
    part = IndexRows(rows.type, rows.id)
    visit(tree, value, part)
    return part


def _join_codes(kind: str, code: str, parts: list[IndexRows], rows: IndexRows) -> None:
    first, second = parts[0].tokens, parts[1].tokens | _referred(parts[1])
    if len(first) * len(second) > MAX_PAIRS:
        raise Invalid.at(
            kind, f"{kind}: so many codings stand together that {code} would have more than {MAX_PAIRS} pairs of them"
        )
    rows.tokens.update(pair(kind, code, one, other) for one in first for other in second)


def _referred(part: IndexRows) -> set[int]:
    return {referred(text) for _, target, id in part.references for text in (f"{target}/{id}", id)}


def _join_quantities(kind: str, code: str, parts: list[IndexRows], rows: IndexRows) -> None:
    for amount in parts[1].amounts:
        rows.amounts.setdefault(amount, set()).update(parts[0].tokens)


def _join_numbers(kind: str, code: str, parts: list[IndexRows], rows: IndexRows) -> None:
    """Two numbers (from, to) of the same group, as one row."""
    first, second, third = parts
    for low in second.amounts:
        for high in third.amounts:
            rows.amounts.setdefault(Amount(code, low.low, high.low, pair=True), set()).update(first.tokens)


def _join_texts(kind: str, code: str, parts: list[IndexRows], rows: IndexRows) -> None:
    rows.strings |= parts[1].strings


def _join_nothing(kind: str, code: str, parts: list[IndexRows], rows: IndexRows) -> None:
    """Each of the two is found by itself, and a resource has one of each."""


_JOINS: dict[str, Callable[[str, str, list[IndexRows], IndexRows], None]] = {
    "token": _join_codes,
    "reference": _join_codes,
    "quantity": _join_quantities,
    "number": _join_numbers,
    "string": _join_texts,
    "date": _join_nothing,
}
