"""What a form asks and computes once something is answered: which items are enabled, what the calculated ones are (SDC 3.0.0, « Form behavior and calculation »)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from maillage.errors import Invalid
from maillage.fhir.fhirpath import Budget, Environment, Unevaluable, compiled
from maillage.fhir.fhirpath.items import Items, plain
from maillage.services.assessment.resources.questionnaire import FHIRPATH, Form, Item, Value
from maillage.services.assessment.resources.response import Node, Nodes, every, items_from
from maillage.services.assessment.rules import values

Resource = Mapping[str, Any]
Known = Mapping[str, Any]
"""What expressions may name: `patient` and what queries found, by name."""
TURNS = "les calculs tournent en rond"
MOST_TURNS = 50
STEPS = 5_000_000
"""Of all expressions of a form together, each time it is computed: some two seconds."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form with what was answered and computed. `disabled` are the names of nodes that are not asked (their answers are kept for the page, and not in `items`);
    `doubts` say, by linkId, why something could not be computed."""

    nodes: Nodes
    items: list[dict[str, Any]]
    disabled: frozenset[str] = frozenset()
    doubts: Mapping[str, str] = field(default_factory=dict)


def filled(form: Form, nodes: Nodes, *, known: Known, now: datetime) -> Filled:
    """Enables and computes until nothing moves any more. Where expressions never settle, those that still move say so and have no answer: at most one turn an expression and two more, MOST_TURNS in all."""
    computed = [node.item for node in every(nodes) if node.item.calculated]
    budget = Budget(STEPS)
    turn = _Turn(form, nodes, known, now, budget)
    for _ in range(min(len(computed) + 2, MOST_TURNS)):
        after = _Turn(form, turn.computed(), known, now, budget)
        if after.nodes == turn.nodes and after.disabled == turn.disabled:
            return Filled(turn.nodes, items_from(turn.kept), turn.disabled, turn.doubts)
        before, turn = turn, after
    moving = {
        new.item.link_id for old, new in zip(every(before.nodes), every(turn.nodes), strict=True) if old.answers != new.answers
    } or {one.link_id for one in computed}
    still = _without(turn.nodes, lambda node: node.item.link_id in moving)
    last = _Turn(form, still, known, now, budget)
    return Filled(still, items_from(last.kept), last.disabled, {**last.doubts, **dict.fromkeys(sorted(moving), TURNS)})


class _Turn:
    """One look at all that is answered: `disabled` and `kept` follow from `nodes`; `doubts` from what was evaluated."""

    def __init__(self, form: Form, nodes: Nodes, known: Known, now: datetime, budget: Budget) -> None:
        self._form, self._now, self._budget, self.nodes = form, now, budget, nodes
        self.doubts: dict[str, str] = {}
        self._known = dict(known)
        self.disabled: frozenset[str] = frozenset()
        for _ in range(_deepest_chain(form) + 1):
            self.kept = _without_names(nodes, self.disabled)
            self._response = {
                "resourceType": "QuestionnaireResponse",
                "status": "in-progress",
                "questionnaire": form.canonical,
                "item": items_from(self.kept),
            }
            self.root = self._scope(form.variables, self._response, self._known)
            now_disabled = frozenset(self._disabled(nodes, (), self.root))
            if now_disabled == self.disabled:
                break
            self.disabled = now_disabled

    def computed(self) -> Nodes:
        """The nodes with what is calculated over them."""
        return self._computed(self.nodes, self.root)

    def _computed(self, nodes: Nodes, scope: Known) -> Nodes:
        return tuple(self._node(node, scope) for node in nodes)

    def _node(self, node: Node, scope: Known) -> Node:
        if node.name in self.disabled:
            return node
        inner = self._inner(node, scope)
        answers = node.answers
        if node.item.calculated:
            found = self.found(node.item, node.item.calculated.text, node, inner)
            answers = () if found is None else self._answers(node.item, found)
        return replace(node, answers=answers, nodes=self._computed(node.nodes, inner))

    def _answers(self, item: Item, found: Sequence[Any]) -> tuple[Value, ...]:
        try:
            answers = tuple(values.answer(item, one) for one in found)
        except Invalid as fault:
            self.doubts[item.link_id] = str(fault)
            return ()
        if len(answers) > 1 and not item.repeats:
            self.doubts[item.link_id] = "le calcul donne plusieurs valeurs"
            return ()
        return answers

    def _inner(self, node: Node, scope: Known) -> Known:
        return self._scope(node.item.variables, _said(node), scope) if node.item.variables else scope

    def _scope(self, variables: Sequence[Any], context: Resource, outer: Known) -> Known:
        scope = dict(outer)
        for one in variables:
            if one.language == FHIRPATH:
                scope[one.name] = self._items(one.name, one.text, context, scope) or []
        return scope

    def found(self, item: Item | None, text: str, node: Node | None, scope: Known) -> list[Any] | None:
        """What an expression of an item, or of the form, finds; None where it cannot be evaluated, which is then a doubt."""
        found = self._items(item.link_id if item else "", text, _said(node) if node else self._response, scope)
        return None if found is None else [plain(one) for one in found if one.value is not None]

    def _items(self, place: str, text: str, context: Resource, scope: Known) -> Items | None:
        environment = Environment(
            kind="QuestionnaireResponse" if "resourceType" in context else "QuestionnaireResponse.item", now=self._now, resource=self._response,
            root=self._response, variables={**scope, "questionnaire": self._form.source}, budget=self._budget,
        )  # fmt: skip
        try:
            return compiled(text).find(context, environment)
        except (Invalid, Unevaluable) as fault:
            self.doubts[place] = str(fault)
            return None

    def _disabled(self, nodes: Nodes, above: tuple[Nodes, ...], scope: Known) -> list[str]:
        found = []
        around = (*above, nodes)
        for node in nodes:
            if not self._is_asked(node, around, scope):
                found += [one.name for one in every((node,))]
            else:
                found += self._disabled(node.nodes, around, self._inner(node, scope))
        return found

    def _is_asked(self, node: Node, around: tuple[Nodes, ...], scope: Known) -> bool:
        if node.item.enabled_by:
            return self.found(node.item, node.item.enabled_by.text, node, scope) == [True]
        if not node.item.conditions:
            return True
        met = (self._met(condition, around) for condition in node.item.conditions)
        return any(met) if node.item.any_condition else all(met)

    def _met(self, condition: Any, around: tuple[Nodes, ...]) -> bool:
        """R4 questionnaire.html#4.5.4.17: the answers of the nearest item of that name, among those that stand beside, then further out."""
        for level in reversed(around):
            named = [one for one in every(level) if one.item.link_id == condition.question]
            if named:
                answers = [
                    value for one in named if one.name not in self.disabled for answer in one.answers for value in answer.values()
                ]
                return values.meets(answers, condition.operator, condition.answer)
        return values.meets([], condition.operator, condition.answer)


def _deepest_chain(form: Form) -> int:
    return sum(1 for one in form.every() if one.conditions or one.enabled_by)


def _said(node: Node) -> dict[str, Any]:
    """The node as an item of the response, though nothing be answered in it."""
    return next(iter(items_from((node,))), {"linkId": node.item.link_id})


def _without_names(nodes: Nodes, names: frozenset[str]) -> Nodes:
    if not names:
        return nodes
    return tuple(replace(one, nodes=_without_names(one.nodes, names)) for one in nodes if one.name not in names)


def _without(nodes: Nodes, dropped: Callable[[Node], bool]) -> Nodes:
    return tuple(replace(one, answers=() if dropped(one) else one.answers, nodes=_without(one.nodes, dropped)) for one in nodes)


def wrong(form: Form, done: Filled, *, known: Known, now: datetime) -> dict[str, str]:
    """The constraints that do not hold, by the name of the node they are about (the empty name: the form's own). One that cannot be evaluated does not hold."""
    turn = _Turn(form, done.nodes, known, now, Budget(STEPS))
    found = {
        node.name: one.human
        for node in every(done.nodes)
        if node.name not in done.disabled and not node.empty
        for one in node.item.constraints
        if one.is_error and turn.found(node.item, one.expression, node, turn.root) not in ([True], [])
    }
    whole = [
        one.human
        for one in form.constraints
        if one.is_error and turn.found(None, one.expression, None, turn.root) not in ([True], [])
    ]
    return found | ({"": " ".join(whole)} if whole else {})
