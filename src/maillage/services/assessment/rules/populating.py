"""What a form begins with: initial values, and what expressions find in the record (SDC 3.0.0, expression-based population). Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from maillage.errors import Invalid
from maillage.fhir.fhirpath import Environment, Unevaluable, compiled
from maillage.fhir.fhirpath.items import Items, plain
from maillage.services.assessment.resources.questionnaire import QUERY, Expression, Form, Value
from maillage.services.assessment.resources.response import Node, Nodes, empty
from maillage.services.assessment.rules import values

_HOLE = re.compile(r"\{\{(.+?)\}\}")
_TARGET = re.compile(r"([A-Z][A-Za-z]+)\?(.+)")
Search = tuple[str, list[tuple[str, str]]]
"""The type and the parameters of a search."""


def queries(form: Form) -> list[Expression]:
    """The searches that a form asks of the record before it is shown, each once by name."""
    asked = [
        one for one in (*form.variables, *(each for item in form.every() for each in item.variables)) if one.language == QUERY
    ]
    return list({one.name: one for one in asked}.values())


def search_of(query: Expression, *, known: Mapping[str, Any], now: datetime) -> Search:
    """The search of a query whose holes `{{…}}` are filled with what expressions find. Invalid, with its name, where it is no search of a type."""
    text = _HOLE.sub(lambda hole: _filled(query, hole[1], known, now), query.text)
    found = _TARGET.fullmatch(text)
    if found is None:
        raise Invalid.at(f"variable({query.name})", f"{query.text!r} is not Type?parameters")
    return found[1], parse_qsl(found[2], keep_blank_values=True, strict_parsing=True)


def _filled(query: Expression, text: str, known: Mapping[str, Any], now: datetime) -> str:
    try:
        found = compiled(text)({}, Environment(kind="", now=now, variables=known))
    except (Invalid, Unevaluable) as fault:
        raise Invalid.at(f"variable({query.name})", str(fault)) from None
    if len(found) != 1:
        raise Invalid.at(f"variable({query.name})", f"{text} finds {len(found)} values where one is wanted")
    return str(found[0])


def populated(form: Form, *, known: Mapping[str, Any], now: datetime) -> tuple[Nodes, dict[str, str]]:
    """The nodes of a new response, and by linkId why something could not be filled in beforehand: it is then asked."""
    doubts: dict[str, str] = {}
    scope = _scoped(form.variables, known, now, form.source, doubts)
    return tuple(_begun(one, scope, now, form.source, doubts) for one in empty(form)), doubts


def _begun(node: Node, scope: Mapping[str, Any], now: datetime, source: Mapping[str, Any], doubts: dict[str, str]) -> Node:
    inner = _scoped(node.item.variables, scope, now, source, doubts) if node.item.variables else scope
    return replace(
        node,
        answers=_initial(node, inner, now, source, doubts),
        nodes=tuple(_begun(one, inner, now, source, doubts) for one in node.nodes),
    )


def _initial(
    node: Node, scope: Mapping[str, Any], now: datetime, source: Mapping[str, Any], doubts: dict[str, str]
) -> tuple[Value, ...]:
    item = node.item
    if item.starts_with is None or not item.answers:
        return item.initial
    try:
        found = [plain(one) for one in _evaluated(item.starts_with.text, scope, now, source) if one.value is not None]
        answers = tuple(values.answer(item, one) for one in (found if item.repeats else found[:1]))
    except (Invalid, Unevaluable) as fault:
        doubts[item.link_id] = str(fault)
        return item.initial
    return answers or item.initial


def _scoped(
    variables: Iterable[Expression], outer: Mapping[str, Any], now: datetime, source: Mapping[str, Any], doubts: dict[str, str]
) -> Mapping[str, Any]:
    """Variables that look at the response are empty here: nothing is answered yet."""
    scope = dict(outer)
    for one in variables:
        if one.language == QUERY:
            scope.setdefault(one.name, [])
            continue
        try:
            scope[one.name] = _evaluated(one.text, scope, now, source)
        except (Invalid, Unevaluable) as fault:
            doubts[one.name] = str(fault)
            scope[one.name] = []
    return scope


def _evaluated(text: str, scope: Mapping[str, Any], now: datetime, source: Mapping[str, Any]) -> Items:
    blank = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}
    return compiled(text).find(
        blank,
        Environment(
            kind="QuestionnaireResponse", now=now, resource=blank, root=blank, variables={**scope, "questionnaire": source}
        ),
    )
