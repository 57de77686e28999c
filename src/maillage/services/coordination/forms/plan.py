"""The small forms of a plan: what was typed, kept as it was, and its faults in French by field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from maillage.services.coordination.resources.goal import OUTCOMES, goal_from
from maillage.services.coordination.resources.plan import plan_from
from maillage.services.coordination.rules import plan as rules
from maillage.services.messaging.public import File

_DATE = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4})")
LONGEST = 4000
NAMES = {
    "paroles": "ce que dit la personne", "objectif": "l’objectif", "action": "ce qu’il y a à faire", "desaccord": "le désaccord",
    "reponse": "la réponse", "synthese": "la synthèse", "raison": "la raison", "question": "la question posée", "jour": "le jour", "avis": "votre texte", "decision": "ce qui est décidé",
    "qui": "à qui",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlanForm:
    """One form as it was filled in: `about` says which (the id of its fold on the page), `values` by field, `faults` by field, what was joined."""

    about: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[File] = ()

    def value(self, about: str, name: str, otherwise: str = "") -> str:
        """What was typed in a field of this form, else what stands there at first."""
        return self.values.get(name, otherwise) if self.about == about else otherwise

    def fault(self, about: str, name: str) -> str:
        """The fault of a field of this form."""
        return self.faults.get(name, "") if self.about == about else ""

    def number(self, name: str) -> int:
        """A whole number that the form carries, 0 where it is none."""
        text = self.values.get(name, "")
        return int(text) if text.isdecimal() and len(text) < 10 else 0


def read(
    about: str, sent: Mapping[str, str], *, needed: tuple[str, ...] = (), days: tuple[str, ...] = (), today: date
) -> PlanForm:
    """Reads a form: `needed` fields hold words, `days` a day to come where they hold anything. Days are answered as ISO."""
    values = {name: text.strip()[: LONGEST + 1] for name, text in sent.items() if name != "csrf"}
    faults = {name: f"Écrivez {NAMES.get(name, 'ce champ')}" for name in needed if not values.get(name)}
    faults |= {name: "4 000 caractères au plus" for name, text in values.items() if len(text) > LONGEST}
    for name in days:
        if values.get(name):
            values[name] = iso_day(values[name])
            if refused := rules.day_refused(values[name], today):
                faults[name] = refused
    if not rules.is_key(values.get("cle", "")):
        faults["cle"] = "Ce formulaire est incomplet : rechargez la page"
    return PlanForm(about, values, faults)


def with_outcome(form: PlanForm) -> PlanForm:
    """A form that says what became of a goal: not achieved and not undertaken need a reason."""
    faults, outcome = dict(form.faults), form.values.get("issue", "")
    if outcome not in OUTCOMES:
        faults["issue"] = "Choisissez ce qu’il en est"
    elif outcome.startswith("not-") and not form.values.get("raison"):
        faults["raison"] = "Dites pourquoi : c’est ce qui aidera la prochaine fois"
    return PlanForm(form.about, form.values, faults)


def described(plan: Mapping[str, Any]) -> Mapping[str, str]:
    """What the fields of the synthesis hold for a CarePlan."""
    held = plan_from(plan)
    return {"synthese": held.synthesis, "alerte": held.alert, "revue": held.review}


def aimed(goal: Mapping[str, Any]) -> Mapping[str, str]:
    """What the fields of a goal hold for a Goal."""
    held = goal_from(goal)
    return {"objectif": held.words, "indicateur": held.measure, "critere": held.target, "echeance": held.due}


def said(goal: Mapping[str, Any]) -> Mapping[str, str]:
    """What the field of the person's words holds for a Goal."""
    return {"paroles": goal_from(goal).words}


def iso_day(text: str) -> str:
    """JJ/MM/AAAA as ISO; anything else as it is."""
    found = _DATE.fullmatch(text)
    return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}" if found else text
