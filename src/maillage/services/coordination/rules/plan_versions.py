"""What differs between two versions of a plan, in words. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from maillage.services.coordination.resources.action import Action
from maillage.services.coordination.resources.goal import Goal
from maillage.services.coordination.resources.plan import Plan


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: about what, how it was and how it is (nothing: it was not there). `source` is the record that says so ("Goal/3")."""

    topic: str
    title: str
    before: str
    after: str
    source: str

    @property
    def words(self) -> str:
        return "Ajouté" if not self.before else "Retiré" if not self.after else "Changé"


def differences(before: Plan, after: Plan) -> list[Difference]:
    """All that differs, in the order of the plan."""
    plan = f"CarePlan/{after.id}"
    said = (
        ("Synthèse", before.synthesis, after.synthesis),
        ("Conduite à tenir en cas d’alerte", before.alert, after.alert),
        ("Date de revue", before.review, after.review),
        ("État du plan", before.words, after.words),
        ("Problèmes", ", ".join(before.problems), ", ".join(after.problems)),
    )
    found = [Difference("Plan", title, old, new, plan) for title, old, new in said if old != new]
    found += _each("Objectif", {g.reference: _goal(g) for g in before.goals}, {g.reference: _goal(g) for g in after.goals}, plan)
    return found + _each("Action", _actions(before.actions), _actions(after.actions), plan)


def _each(topic: str, before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]], plan: str) -> list[Difference]:
    found = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key, ("", "")), after.get(key, ("", ""))
        if old != new:
            source = key if "/" in key else plan
            found.append(Difference(topic, new[0] or old[0], _whole(old), _whole(new), source))
    return found


def _whole(said: tuple[str, str]) -> str:
    return " : ".join(filter(None, said))


def _goal(goal: Goal) -> tuple[str, str]:
    aim = goal.target if goal.target else goal.measure
    return goal.words, ", ".join(filter(None, (aim, goal.due, goal.outcome, goal.reason)))


def _actions(found: Iterable[Action]) -> dict[str, tuple[str, str]]:
    return {
        one.key: (one.what, ", ".join(filter(None, (one.owner_name or "à pourvoir", one.how, one.due[:10], one.words.lower()))))
        for one in found
    }
