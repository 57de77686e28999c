"""One assessment of a person: the QuestionnaireResponse that holds it, what it comes to, and those of one form beside each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.services.assessment.resources.questionnaire import Form
from maillage.services.assessment.resources.response import Node, Nodes, every, items_from

Resource = dict[str, Any]
RECORDED = frozenset({"completed", "amended"})
OPEN = "in-progress"
WRONG = "entered-in-error"


def is_the_persons(response: Mapping[str, Any]) -> bool:
    """Whether it is answered by the person, or by who helps them: a professional reads it and does not write in it."""
    return str(response.get("author", {}).get("reference", "")).startswith(("Patient/", "RelatedPerson/"))


@dataclass(frozen=True, slots=True)
class Result:
    """What a form comes to: the nodes of its scores, and those that say in words what they mean."""

    scores: tuple[Node, ...]
    meanings: tuple[Node, ...]


def result_of(nodes: Nodes) -> Result:
    """The computed answers of a form that a page leads with: those that go into the record, and the computed texts."""
    computed = [one for one in every(nodes) if one.item.calculated and not one.item.hidden and one.answers]
    return Result(
        tuple(one for one in computed if one.item.extracts),
        tuple(one for one in computed if one.item.kind in ("string", "text") and not one.item.extracts),
    )


def new(form: Form, nodes: Nodes, *, id: str, patient: str, by: Resource, at: datetime) -> Resource:
    """A response that is begun."""
    return {
        "resourceType": "QuestionnaireResponse", "id": id, "questionnaire": form.canonical, "status": OPEN, "subject": {"reference": f"Patient/{patient}"},
        "authored": at.isoformat(timespec="seconds"), "author": by, **({"item": items} if (items := items_from(nodes)) else {}),
    }  # fmt: skip


def answered(response: Mapping[str, Any], items: list[Resource], *, status: str, by: Resource, at: datetime) -> Resource:
    """The response with other answers: whoever writes is its author now, its history has who wrote before."""
    kept = {name: value for name, value in response.items() if name not in ("item", "text")}
    return (
        kept | {"status": status, "authored": at.isoformat(timespec="seconds"), "author": by} | ({"item": items} if items else {})
    )


def withdrawn(response: Mapping[str, Any]) -> Resource:
    """The response said to be written by mistake; its answers stay in it."""
    return {**response, "status": WRONG}


@dataclass(frozen=True, slots=True)
class Row:
    """One question over several responses: its words, and the answers of each in the order of the responses ("" where it was not answered)."""

    words: str
    cells: tuple[str, ...]
    differs: bool
    computed: bool


def compared(responses: Sequence[Nodes], *, shown: Any) -> list[Row]:
    """The questions that were answered in one of several responses to a form, in the order of the form."""
    seen: dict[str, Node] = {
        node.name: node for nodes in responses for node in every(nodes) if node.answers and not node.item.hidden
    }
    named = [{node.name: node for node in every(nodes)} for nodes in responses]
    order = {name: place for place, name in enumerate(_names(responses))}
    rows = []
    for name in sorted(seen, key=order.__getitem__):
        cells = tuple(words(of[name], shown) if name in of else "" for of in named)
        rows.append(Row(label(seen[name]), cells, len(set(cells)) > 1, seen[name].item.calculated is not None))
    return rows


def _names(responses: Iterable[Nodes]) -> list[str]:
    return list(dict.fromkeys(node.name for nodes in responses for node in every(nodes)))


def label(node: Node) -> str:
    """The words of a question, with its number where it has one."""
    return " ".join(filter(None, (node.item.prefix, node.item.text or node.item.link_id)))


def words(node: Node, shown: Any) -> str:
    """The answers of a node in words."""
    return ", ".join(shown(value) for answer in node.answers for value in answer.values())
