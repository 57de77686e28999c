"""Decisions of coordination: whose task it is, what is late, what to show first. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from maillage.services.directory.public import Member

if TYPE_CHECKING:
    from maillage.fhir.change import Stored
    from maillage.services.coordination.resources.caseload import Due, Person
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


def late(task: "Task | Due", now: datetime) -> bool:
    """Whether the deadline of a task that is still to do has passed."""
    return not task.done and task.due < now


def delay(task: "Task | Due", now: datetime) -> str:
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

    person: "Person"
    next: "Due | None"
    open: int
    changed: "Stored | None"  # the newest document since the last look
    alerts: int = 0  # that are not over
    referent: str = ""
    level: str = ""
    last: datetime | None = None  # when the team last did something for them
    programme: str = ""  # in which they are followed, as their episode says it
    own: bool = False  # whether whoever looks is their referent

    @property
    def patient(self) -> dict[str, Any]:
        """The whole Patient, read where it is shown."""
        return self.person.stored.resource

    @property
    def commune(self) -> str:
        """Where they live."""
        return self.person.commune


def caseload(
    people: Iterable["Person"], tasks: Sequence["Due"], changed: Mapping[str, "Stored"], said: Mapping[str, Mapping[str, Any]]
) -> list[Followed]:
    """The people of a team: who has the nearest deadline first, then who has news, then by name; `said` gives the other fields of their line."""
    by_patient: dict[str, list[Due]] = {}
    for task in sorted(tasks, key=lambda t: t.due):
        by_patient.setdefault(task.patient, []).append(task)
    lines = []
    for one in people:
        waiting = by_patient.get(one.id, ())
        lines.append(Followed(one, waiting[0] if waiting else None, len(waiting), changed.get(one.id), **said.get(one.id, {})))
    far = datetime.max.replace(tzinfo=UTC)
    return sorted(lines, key=lambda f: (f.next.due if f.next else far, f.changed is None, f.person.family))


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
        if self.words and self.words.casefold() not in line.person.family.casefold():
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
