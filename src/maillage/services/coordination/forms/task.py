"""What is said of a task on its forms: what, by when, who, how pressing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from uuid import UUID

from maillage.clock import PARIS
from maillage.services.coordination.rules.tasks import PRIORITIES, date_fault
from maillage.services.coordination.service.work import Asked

FIELDS = ("titre", "details", "echeance", "heure", "priorite", "pour", "rappel", "etapes")
EVENING, MORNING = time(18), time(8, 30)
LONGEST_TITLE, LONGEST = 200, 4000
MOST_STEPS = 30
OFFERED = {code: PRIORITIES[code] for code in ("routine", "urgent", "asap")}
_DATE = re.compile(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4})")


@dataclass(frozen=True, slots=True)
class TaskForm:
    """The form as it was filled in, its faults by field in French, and what it asks for, whole where there is none."""

    values: Mapping[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    asked: Asked | None = None


def task_form(sent: Mapping[str, str], *, now: datetime, owner: str = "") -> TaskForm:
    """Reads the form of a task; `owner` where it is not the form that says whose it is."""
    values = {name: sent.get(name, "").strip() for name in FIELDS}
    faults: dict[str, str] = {}
    if not values["titre"]:
        faults["titre"] = "Dites en quelques mots ce qu’il y a à faire"
    elif len(values["titre"]) > LONGEST_TITLE:
        faults["titre"] = f"Raccourcissez : {LONGEST_TITLE} caractères au plus, le reste va dans les précisions"
    if len(values["details"]) > LONGEST:
        faults["details"] = f"Raccourcissez : {LONGEST} caractères au plus"
    checks = tuple(dict.fromkeys(words for line in values["etapes"].splitlines() if (words := " ".join(line.split()))))
    if len(checks) > MOST_STEPS or any(len(one) > LONGEST_TITLE for one in checks):
        faults["etapes"] = f"{MOST_STEPS} étapes au plus, une par ligne, de {LONGEST_TITLE} caractères au plus"
    due = moment(values["echeance"], values["heure"] or None, EVENING)
    if due is None:
        faults["echeance"] = "Indiquez une date qui existe : 28/11/2026" if values["echeance"] else "Indiquez pour quand"
    elif fault := date_fault(due, now):
        faults["echeance"] = fault
    if values["priorite"] not in OFFERED:
        faults["priorite"] = "Choisissez une priorité"
    if not (owner or values["pour"]):
        faults["pour"] = "Choisissez à qui revient la tâche"
    remind = moment(values["rappel"], None, MORNING) if values["rappel"] else None
    if values["rappel"] and (remind is None or (due and remind > due)):
        faults["rappel"] = "Le rappel vient avant l’échéance, à une date qui existe"
    if faults or due is None:
        return TaskForm(values, faults)
    asked = Asked(values["titre"], values["details"], due, values["priorite"], owner or values["pour"], remind, checks)
    return TaskForm(values, faults, asked)


def moment(day: str, hour: str | None, otherwise: time) -> datetime | None:
    """A day (JJ/MM/AAAA, or as a browser's field of a date sends it) and an hour of the region; None where there is no such day."""
    found = _DATE.fullmatch(day)
    try:
        said = date(int(found[3]), int(found[2]), int(found[1])) if found else date.fromisoformat(day)
        at = time.fromisoformat(hour.replace(" h ", ":").replace("h", ":")) if hour else otherwise
    except ValueError:
        return None
    return datetime.combine(said, at, PARIS)


def key(text: str) -> str | None:
    """The id that a form gives to what it makes: a UUID, drawn when the form was shown; None for anything else."""
    try:
        return str(UUID(text))
    except ValueError:
        return None
