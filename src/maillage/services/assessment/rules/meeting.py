"""Two who answer one form at once: what each changed over what both had read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from maillage.services.assessment.resources.assessment import label, words
from maillage.services.assessment.resources.questionnaire import Value
from maillage.services.assessment.resources.response import Nodes, every
from maillage.services.assessment.resources.words import shown

Answers = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Met:
    """The form to go on with, and (question, their answer, mine) of what both answered differently."""

    nodes: Nodes
    changes: list[tuple[str, str, str | None]]


def met(base: Nodes, mine: Nodes, theirs: Nodes) -> Met:
    """A question left alone takes what is stored; one that only I answered keeps my answer; one that both did keeps mine on the page, and is shown."""
    was, stored = _answers(base), _answers(theirs)
    by_name = {node.name: node for node in every(theirs)}
    changes: list[tuple[str, str, str | None]] = [
        (label(node), words(by_name[node.name], shown) if node.name in by_name else "", words(node, shown))
        for node in every(mine)
        if not node.item.calculated
        and node.answers != was.get(node.name, ())
        and stored.get(node.name, ()) != was.get(node.name, ())
        and node.answers != stored.get(node.name, ())
    ]
    return Met(_taken(mine, was, stored), changes)


def _taken(nodes: Nodes, was: Answers, stored: Answers) -> Nodes:
    return tuple(
        replace(
            node,
            answers=stored.get(node.name, ()) if node.answers == was.get(node.name, ()) else node.answers,
            nodes=_taken(node.nodes, was, stored),
        )
        for node in nodes
    )


def _answers(nodes: Nodes) -> dict[str, tuple[Value, ...]]:
    return {node.name: node.answers for node in every(nodes)}
