"""Appointment, Task and Communication → what somebody does, when and for whom. Pure; tolerant of what others write."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from maillage.access.references import local
from maillage.clock import PARIS
from maillage.services.coordination.resources import contact, home_visit, meeting, telling
from maillage.services.coordination.resources import task as tasks
from maillage.services.coordination.resources.booking import BUSY

Resource = Mapping[str, Any]
KEPT = BUSY | {"proposed", home_visit.DONE}
VISIT, MEETING, APPOINTMENT, TASK, CALL = "Visite", "Concertation", "Rendez-vous", "Tâche", "Appel"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of an agenda. `who` is whose it is (a reference), `patient` an id; `at` the hour where it has one; `key` "Task/3:2": what, and its version."""

    kind: str
    who: str
    day: date
    what: str
    patient: str
    at: time | None = None
    until: time | None = None
    place: str = ""
    href: str = ""
    key: str = ""
    done: bool = False
    late: bool = False
    note: str = ""

    @property
    def may_move(self) -> bool:
        """Whether it can be given to somebody else here."""
        return self.kind in (VISIT, TASK) and not self.done


def appointments(found: Iterable[Resource], people: Collection[str]) -> Iterator[Item]:
    """Visits, meetings and other appointments, once for each of these people who did not decline."""
    for one in found:
        start, end = _moment(one.get("start")), _moment(one.get("end"))
        said = {local(part.get("actor")) or "": str(part.get("status", "")) for part in one.get("participant", [])}
        patient = next((who.removeprefix("Patient/") for who in said if who.startswith("Patient/")), "")
        if one.get("status") not in KEPT or start is None:
            continue
        kind = VISIT if home_visit.is_home_visit(one) else MEETING if meeting.is_meeting(one) else APPOINTMENT
        href = {VISIT: f"/visites/{one['id']}", MEETING: f"/patients/{patient}/concertations/{one['id']}"}.get(
            kind, f"/patients/{patient}"
        )
        until = end.time() if end and end.date() == start.date() and end > start else None
        for who in people:
            if said.get(who, "declined") != "declined":
                yield Item(
                    kind, who, start.date(), telling.appointment_words(one), patient, start.time(), until, str(one.get("comment", "")),
                    href if patient else "", _key(one), one.get("status") == home_visit.DONE,
                    note="" if said[who] == "accepted" else "À confirmer",
                )  # fmt: skip


def deadlines(found: Iterable[Resource], now: datetime) -> Iterator[Item]:
    """Tasks on the day by which they are to be done; those that are late say so."""
    for one in found:
        if not tasks.is_planned(dict(one)) or tasks.is_alert(dict(one)):
            continue
        task = tasks.task_from(dict(one))
        due = task.due.astimezone(PARIS)
        yield Item(
            TASK, task.owner, due.date(), task.title, task.patient, None, due.time(), href=f"/taches/{task.id}", key=_key(one),
            done=task.done, late=task.open and task.due < now, note="À accepter" if task.given else "",
        )  # fmt: skip


def calls(found: Iterable[Resource]) -> Iterator[Item]:
    """Calls that were made; a visit that was made stands there by its appointment."""
    for one in found:
        said = contact.contact_from(one)
        if said is None or said.means == "PHYSICAL":
            continue
        at = said.at.astimezone(PARIS)
        words = said.subject or f"avec {said.with_whom}"
        yield Item(
            CALL, said.by, at.date(), words, said.patient, at.time(), None, href=f"/patients/{said.patient}/contacts", done=True,
            note="" if said.reached else "Sans réponse",
        )  # fmt: skip


def _key(one: Resource) -> str:
    return f"{one['resourceType']}/{one['id']}:{one.get('meta', {}).get('versionId', '')}"


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.astimezone(PARIS) if moment.tzinfo else None
