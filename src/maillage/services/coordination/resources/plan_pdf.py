"""A plan on paper."""

from datetime import date
from typing import Any

from maillage.services.coordination.resources.action import Action
from maillage.services.coordination.resources.paper import of_person, printed
from maillage.services.coordination.resources.plan_cda import Published
from maillage.ui.words import care_date


def pdf(one: Published) -> bytes:
    """The PDF's bytes."""
    return printed("plan", _values(one))


def _values(one: Published) -> dict[str, Any]:
    plan, said = one.plan, one.traits
    feminine = said.sex == "female"
    goals = [
        {
            "title": f"{place}. {goal.words}",
            "aim": ", ".join(filter(None, (goal.measure if goal.measure != goal.target else "", goal.target, f"au {_day(goal.due)}" if goal.due else ""))),
            "rows": [_row(action, one) for action in plan.actions_for(goal.reference)],
        }
        for place, goal in enumerate(plan.pursued, 1)
    ]  # fmt: skip
    others = {"title": "Autres actions", "aim": "", "rows": [_row(action, one) for action in plan.other_actions]}
    return of_person(said, one.ins, allergies=one.allergies) | {
        "title": "Plan personnalisé",
        "author": f"{one.author.given} {one.author.family}".strip(),
        "state": ". ".join(
            filter(None, (plan.title, f"Version {one.number}" if one.number else "Pas encore publié", f"À revoir le {_day(plan.review)}" if plan.review else ""))
        ),
        "own": plan.own.words if plan.own else "",
        "owntitle": "Ce qui compte pour " + ("elle" if feminine else "lui"),
        "collected": plan.own.collected if plan.own else "",
        "synthesis": plan.synthesis,
        "problems": list(plan.problems),
        "goals": [*goals, *([others] if others["rows"] else [])],
        "left": [". ".join(filter(None, (goal.words, goal.outcome, goal.reason))) for goal in plan.left],
        "follow": _follow(one),
        "foot": f"Imprimé le {care_date(one.at)}. Copie, l’original fait foi.",
    }  # fmt: skip


def _follow(one: Published) -> list[str]:
    plan, said = one.plan, one.agreement
    agreed = "Accord de la personne non recueilli"
    if said:
        whose = "de la personne" if said.of_the_person else f"de {said.of_name or 'un représentant'}, qui la représente,"
        agreed = f"{'Accord' if said.kind == 'agreed' else 'Refus'} {whose} le {_day(said.at[:10])}, {said.how.lower()}"
    return [
        agreed,
        *(
            f"{each.said.label} {'réglé' if each.settled else 'à traiter'}, {'la personne' if each.said.of_the_person else each.said.of_name or each.said.by_name} : « {each.said.words} »"
            for each in one.disagreements
        ),
        *([f"Coordonné par {plan.coordinator_name}"] if plan.coordinator_name else []),
        *([f"En cas d’alerte : {plan.alert}"] if plan.alert else []),
    ]


def _row(action: Action, one: Published) -> dict[str, str]:
    who = one.owners.get(action.owner or "", action.owner_name) or ("À pourvoir" if action.unfilled else "")
    until = f"avant le {_day(action.due[:10])}" if action.due and action.due[:10] != one.plan.review else ""
    late = action.late_on(one.at.date().isoformat())
    return {
        "what": action.what,
        "who": ", ".join(filter(None, (who, action.how, until))),
        "state": "En retard" if late else action.words,
    }


def _day(text: str) -> str:
    try:
        return care_date(date.fromisoformat(text))
    except ValueError:
        return text
