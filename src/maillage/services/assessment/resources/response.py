"""A QuestionnaireResponse ↔ the nodes of a form: each item as often as it was answered, with a name that its fields have on a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maillage.errors import Invalid
from maillage.services.assessment.resources.questionnaire import VALUE_OF, Form, Item, Value

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """One item in a response. `name` is the place of its item in the form, such as `q0-2`, or `q0r1-2` in the second of a group that repeats.

    What stands below a question stands below its first answer.
    """

    item: Item
    name: str
    answers: tuple[Value, ...] = ()
    nodes: tuple["Node", ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing was answered in it."""
        return not self.answers and all(one.empty for one in self.nodes)

    @property
    def value(self) -> Any:
        """The first answer without its type; None where there is none."""
        return next((value for answer in self.answers for value in answer.values()), None)


Nodes = tuple[Node, ...]


def every(nodes: Nodes) -> Iterator[Node]:
    """Each node, before those that stand in it."""
    for node in nodes:
        yield node
        yield from every(node.nodes)


def empty(form: Form) -> Nodes:
    """The nodes of a form of which nothing is answered."""
    return nodes_of(form.items, ())


def nodes_from(form: Form, response: Resource) -> Nodes:
    """What a valid QuestionnaireResponse answers to its form. Invalid, with the linkId, where it answers what the form does not ask, or in another way than it asks."""
    return nodes_of(form.items, response.get("item", ()))


def nodes_of(items: Sequence[Item], said: Sequence[Resource], stem: str = "q", where: str = "QuestionnaireResponse") -> Nodes:
    """The nodes of items, and what is said of them."""
    known = {item.link_id for item in items}
    for one in said:
        if one["linkId"] not in known:
            raise Invalid.at(f"{where}.item({one['linkId']})", "this version of the questionnaire asks nothing of that name here")
    return tuple(
        node
        for place, item in enumerate(items)
        for node in _nodes(item, [one for one in said if one["linkId"] == item.link_id], f"{stem}{place}", where)
    )


def _nodes(item: Item, said: Sequence[Resource], name: str, where: str) -> Iterator[Node]:
    place = f"{where}.item({item.link_id})"
    if len(said) > 1 and not (item.kind == "group" and item.repeats):
        raise Invalid.at(place, "it is asked once")
    for time, one in enumerate(said or ({},)):
        own = f"{name}r{time}" if time else name
        answers = one.get("answer", ())
        if len(answers) > 1 and not item.repeats:
            raise Invalid.at(f"{place}.answer", "one answer is asked")
        inside = one.get("item", ()) if item.kind == "group" else [each for answer in answers for each in answer.get("item", ())]
        yield Node(
            item, own, tuple(_answer(item, answer, place) for answer in answers), nodes_of(item.items, inside, f"{own}-", place)
        )


def _answer(item: Item, answer: Resource, place: str) -> Value:
    name, value = next((name, value) for name, value in answer.items() if name.startswith("value"))
    if name not in ways(item):
        raise Invalid.at(f"{place}.answer", f"{VALUE_OF.get(item.kind, 'nothing')} is asked, not {name}")
    return {name: value}


def ways(item: Item) -> frozenset[str]:
    """The elements in which an answer to an item may be said."""
    if item.kind not in ("choice", "open-choice"):
        return frozenset({VALUE_OF[item.kind]} if item.kind in VALUE_OF else ())
    offered = {name for option in item.options for name in option.value} or {"valueCoding"}
    return frozenset(offered | ({"valueString"} if item.kind == "open-choice" else set()))


def items_from(nodes: Nodes) -> list[dict[str, Any]]:
    """QuestionnaireResponse.item: what was answered, with the words of each question, so that it can be read without the form."""
    return [_item(node) for node in nodes if not node.empty]


def _item(node: Node) -> dict[str, Any]:
    said: dict[str, Any] = {"linkId": node.item.link_id}
    if node.item.text:
        said["text"] = node.item.text
    inside = items_from(node.nodes)
    if node.item.kind == "group":
        return said | ({"item": inside} if inside else {})
    answers = [dict(one) for one in node.answers]
    if answers and inside:
        answers[0]["item"] = inside
    return said | ({"answer": answers} if answers else {})
