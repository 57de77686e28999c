"""Decisions of coordination: whose task it is, what is late, what to show first. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from maillage.services.directory.public import Member

if TYPE_CHECKING:
    from maillage.fhir.change import Stored
    from maillage.services.coordination.resources.task import Task

SILENCE = timedelta(days=30)
MINE = "moi"
SAME_RETURN = timedelta(days=7)  # a letter that follows the end of a stay within a week is about the same return home


def team_of(circle: Iterable[Member]) -> str | None:
    """The reference of the coordination team in a circle: its organisation, else that of one of its coordinators."""
    members = [m for m in circle if m.kind == "coordination"]
    for member in members:
        if member.reference.startswith("Organization/"):
            return member.reference
    return next((m.organization for m in members if m.organization), None)


def origin_of(protocol: str, action: str, patient: str, focus: str) -> str:
    """What makes a planned task the only one for this fact."""
    return f"{code_of(protocol, action)}|{patient}|{focus}"


def code_of(protocol: str, action: str) -> str:
    """The code of the tasks that a protocol's action becomes."""
    return f"{protocol}/{action}"


def already_planned(tasks: Iterable["Task"], *, now: datetime) -> bool:
    """Whether a task of the same kind covers this return home already."""
    return any(now - task.planned < SAME_RETURN for task in tasks)


def late(task: "Task", now: datetime) -> bool:
    """Whether the deadline of a task that is still to do has passed."""
    return not task.done and task.due < now


def delay(task: "Task", now: datetime) -> str:
    """« en retard de 2 jours », « en retard de 3 h » or nothing."""
    if not late(task, now):
        return ""
    by = now - task.due
    if by.days >= 1:
        return "en retard d’un jour" if by.days == 1 else f"en retard de {by.days} jours"
    hours = max(1, round(by.total_seconds() / 3600))
    return "en retard d’une heure" if hours == 1 else f"en retard de {hours} h"


@dataclass(frozen=True, slots=True)
class Followed:
    """One line of the caseload: a person, what changed, the next deadline."""

    patient: dict[str, Any]
    next: "Task | None"
    open: int
    changed: "Stored | None"  # the newest document since the last look
    alerts: int = 0  # that are not over
    referent: str = ""
    level: str = ""
    last: datetime | None = None  # when the team last did something for them
    programme: str = ""  # in which they are followed, as their episode says it
    own: bool = False  # whether whoever looks is their referent

    @property
    def commune(self) -> str:
        """Where they live."""
        return str(next((one["city"] for one in self.patient.get("address", []) if one.get("city")), ""))


def caseload(patients: Iterable[dict[str, Any]], tasks: Sequence["Task"], changed: Mapping[str, "Stored"]) -> list[Followed]:
    """The people of a team: who has the nearest deadline first, then who has news, then by name."""
    by_patient: dict[str, list[Task]] = {}
    for task in sorted(tasks, key=lambda t: t.due):
        if not task.done:
            by_patient.setdefault(task.patient, []).append(task)
    lines = [
        Followed(p, next(iter(by_patient.get(p["id"], [])), None), len(by_patient.get(p["id"], [])), changed.get(p["id"]))
        for p in patients
    ]
    far = datetime.max.replace(tzinfo=tasks[0].due.tzinfo) if tasks else datetime.max
    return sorted(lines, key=lambda f: (f.next.due if f.next else far, f.changed is None, _name(f.patient)))


def _name(patient: dict[str, Any]) -> str:
    return str((patient.get("name") or [{}])[0].get("family", ""))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which people of a caseload are shown: `view` is `change`, `tache`, `retard`, `alerte` or `silence` (nothing done for thirty days);
    `whose` is `moi` for those whose referent whoever looks is."""

    view: str = ""
    referent: str = ""
    level: str = ""
    commune: str = ""
    words: str = ""
    programme: str = ""
    whose: str = ""

    def keeps(self, line: Followed, now: datetime) -> bool:
        """Whether a line is shown."""
        named = ((self.referent, line.referent), (self.level, line.level), (self.programme, line.programme))
        if any(wanted and wanted != held for wanted, held in named) or (self.commune and self.commune != line.commune):
            return False
        if self.whose == MINE and not line.own:
            return False
        if self.words and self.words.casefold() not in _name(line.patient).casefold():
            return False
        match self.view:
            case "change":
                return line.changed is not None
            case "tache":
                return line.next is not None
            case "retard":
                return line.next is not None and late(line.next, now)
            case "alerte":
                return line.alerts > 0
            case "silence":
                return line.last is None or now - line.last > SILENCE
            case _:
                return True
