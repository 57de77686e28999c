"""The fields of a questionnaire as they come from a page: each bears the name of its node (`resources/response.py`).

Beside them: `n-NAME` how often a group that repeats is on the page, `ajouter` the name of one to show once more, `retirer` that of one to leave out,
`NAME-autre` the free answer to an open choice, `NAME-unite` the unit of a quantity.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from maillage.errors import Invalid
from maillage.services.assessment.resources.questionnaire import VALUE_OF, Form, Item, Option, Value
from maillage.services.assessment.resources.response import Node, Nodes, every
from maillage.services.assessment.rules.values import same_choice

Sent = Mapping[str, Sequence[str]]
OTHER = "autre"
MOST_TIMES = 50
PARIS = ZoneInfo("Europe/Paris")
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:[.,]\d{1,8})?")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")


@dataclass(frozen=True, slots=True)
class Read:
    """What was answered, what could not be read, and what was typed there (by node name), so that it is shown again as it was."""

    nodes: Nodes
    faults: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)


def read(form: Form, sent: Sent, *, before: Nodes) -> Read:
    """Reads a page of the form. What the page does not ask (read-only, computed, hidden) stays as it was `before`. Invalid for a field that the form does not have."""
    reader = _Reader(sent, {node.name: node for node in every(before)})
    nodes = reader.nodes(form.items, "q")
    if strangers := sorted(reader.unread()):
        raise Invalid.at(strangers[0], "the form has no such field")
    return Read(nodes, reader.faults, reader.typed)


class _Reader:
    def __init__(self, sent: Sent, before: Mapping[str, Node]) -> None:
        self._sent, self._before = sent, before
        self._seen: set[str] = set()
        self.faults: dict[str, str] = {}
        self.typed: dict[str, str] = {}

    def unread(self) -> set[str]:
        """The fields that no item of the form has, besides those of the line that is taken away."""
        taken = self._one("retirer")
        asked = {name for name in self._sent if re.match(r"q\d", name)} - self._seen
        return {name for name in asked if not (taken and name.startswith(f"{taken}-"))}

    def nodes(self, items: Sequence[Item], stem: str) -> Nodes:
        return tuple(node for place, item in enumerate(items) for node in self._of(item, f"{stem}{place}"))

    def _of(self, item: Item, name: str) -> list[Node]:
        left_out, times = self._one("retirer"), self._times(item, name)
        kept = [own for own in (f"{name}r{time}" if time else name for time in range(times)) if own != left_out] or [name]
        if len(kept) == times or times == 1:
            return [self._node(item, own) if own != left_out else _blank(item, own) for own in kept]
        return [_renamed(self._node(item, own), f"{name}r{time}" if time else name) for time, own in enumerate(kept)]

    def _times(self, item: Item, name: str) -> int:
        if not (item.kind == "group" and item.repeats):
            return 1
        said = self._one(f"n-{name}")
        times = int(said) if said.isdecimal() and len(said) < 4 else 1
        return max(1, min(MOST_TIMES, times + (self._one("ajouter") == name)))

    def _node(self, item: Item, name: str) -> Node:
        before = self._before.get(name)
        inside = self.nodes(item.items, f"{name}-")
        if not item.answers:
            return Node(item, name, (), inside)
        self._seen |= {name, f"{name}-{OTHER}", f"{name}-unite"}
        if item.read_only or item.calculated or item.hidden or name not in self._sent:
            return Node(item, name, before.answers if before else (), inside)
        return Node(item, name, self._answers(item, name), inside)

    def _answers(self, item: Item, name: str) -> tuple[Value, ...]:
        typed = [one.strip() for one in self._sent.get(name, ())]
        if item.kind in ("choice", "open-choice"):
            return self._chosen(item, name, typed)
        answers: list[Value] = []
        for one in filter(None, typed if item.repeats else typed[:1]):
            value, fault = _read(item, one, self._one(f"{name}-unite"))
            if fault:
                self.faults[name], self.typed[name] = fault, one
            else:
                answers.append({VALUE_OF[item.kind]: value})
        return tuple(answers)

    def _chosen(self, item: Item, name: str, typed: list[str]) -> tuple[Value, ...]:
        places = [int(one) for one in typed if one.isdecimal() and int(one) < len(item.options)]
        chosen = [dict(item.options[place].value) for place in dict.fromkeys(places)]
        alone = [dict(item.options[place].value) for place in places if item.options[place].exclusive]
        if alone and len(chosen) > 1:
            self.faults[name] = (
                f"« {item.options[places[[item.options[p].exclusive for p in places].index(True)]].words} » se choisit seul"
            )
        free = self._one(f"{name}-{OTHER}").strip()
        if item.kind == "open-choice" and free and (OTHER in typed or not chosen or item.repeats):
            chosen.append({"valueString": free})
        return tuple(chosen if item.repeats else chosen[:1])

    def _one(self, name: str) -> str:
        return next(iter(self._sent.get(name, ())), "")


def _blank(item: Item, name: str) -> Node:
    return Node(item, name, (), tuple(_blank(one, f"{name}-{place}") for place, one in enumerate(item.items)))


def _renamed(node: Node, name: str) -> Node:
    return Node(
        node.item, name, node.answers, tuple(_renamed(one, name + one.name.removeprefix(node.name)) for one in node.nodes)
    )


def _read(item: Item, typed: str, unit: str) -> tuple[Any, str]:
    """The value that was typed, or why it is none."""
    match item.kind:
        case "boolean":
            return (typed == "true", "") if typed in ("true", "false") else (None, "Répondez par oui ou non")
        case "integer" | "decimal" | "quantity":
            return _number(item, typed, unit)
        case "date" | "dateTime":
            return _date(item.kind, typed)
        case "time":
            return (f"{typed}:00"[:8], "") if _TIME.fullmatch(typed) else (None, "Indiquez une heure, par exemple 14:05")
        case "url":
            return (
                (typed, "")
                if re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", typed)
                else (None, "Indiquez une adresse, par exemple https://…")
            )
        case "reference":
            return (
                ({"reference": typed}, "")
                if re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}", typed)
                else ({"display": typed}, "")
            )
        case _:
            return typed.replace("\r\n", "\n"), ""


def _number(item: Item, typed: str, unit: str) -> tuple[Any, str]:
    plain = re.sub(r"[\s\u00a0\u202f]", "", typed).replace("−", "-")
    if not _NUMBER.fullmatch(plain):
        return None, "Indiquez un nombre, par exemple 79,3"
    value = Decimal(plain.replace(",", "."))
    if item.kind == "decimal":
        return value, ""
    if item.kind == "integer":
        return (int(value), "") if value == value.to_integral_value() else (None, "Indiquez un nombre entier")
    coding = next((one for one in item.units if one.get("code") == unit), None) or (
        item.units[0] if len(item.units) == 1 else None
    )
    if item.units and coding is None:
        return None, "Choisissez l’unité : le résultat en dépend"
    said: dict[str, Any] = {}
    if coding is not None:
        said = {"unit": coding.get("display") or coding["code"]} | {
            key: coding[key] for key in ("system", "code") if key in coding
        }
    return {"value": value, **said}, ""


def _date(kind: str, typed: str) -> tuple[Any, str]:
    try:
        if kind == "date":
            day = date.fromisoformat(typed) if "-" in typed else datetime.strptime(typed, "%d/%m/%Y").date()
            return day.isoformat(), ""
        return datetime.fromisoformat(typed).replace(tzinfo=PARIS).isoformat(timespec="seconds"), ""
    except ValueError:
        return None, "Indiquez une date qui existe, par exemple 28/03/1979"


def typed(node: Node) -> list[str]:
    """The answers of a node as their fields hold them."""
    return [_typed(node.item, value) for answer in node.answers for value in answer.values()]


def _typed(item: Item, value: Any) -> str:
    match item.kind:
        case "integer" | "decimal":
            return str(value).replace(".", ",")
        case "quantity":
            return str(value.get("value", "")).replace(".", ",")
        case "dateTime":
            return datetime.fromisoformat(value).astimezone(PARIS).strftime("%Y-%m-%dT%H:%M") if "T" in value else value
        case "time":
            return str(value)[:5]
        case "reference":
            return str(value.get("reference") or value.get("display") or "")
        case _:
            return str(value)


def is_chosen(node: Node, option: Option) -> bool:
    """Whether an option is among the answers of a node."""
    return any(
        same_choice(said, offered) for answer in node.answers for said in answer.values() for offered in option.value.values()
    )
