"""What « Nouveautés » says of tasks, alerts and important notes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from maillage.services.coordination.resources import alert as alerts
from maillage.services.coordination.resources import home_visit as home_visits
from maillage.services.coordination.resources import note as notes
from maillage.services.coordination.resources import task as resources
from maillage.services.coordination.rules.tasks import DONE, REJECTED
from maillage.services.messaging.public import Words, renders
from maillage.ui.words import care_date


@renders("Task")
def task_words(resource: Mapping[str, Any]) -> Words:
    """A task that was given: what, from whom, and that it waits for an answer."""
    plain = dict(resource)
    if not resources.is_planned(plain):
        return Words(
            "Tâche à voir", address=f"/patients/{str(plain.get('for', {}).get('reference', '')).removeprefix('Patient/')}"
        )
    task = resources.task_from(plain)
    detail = "À accepter ou à refuser" if task.given else task.state
    return Words(task.title, detail, task.requester_name, f"/taches/{task.id}", urgent=task.priority in ("asap", "stat"))


@renders("task-answer")
def answer_words(resource: Mapping[str, Any]) -> Words:
    """What came of a task that somebody asked for."""
    task = resources.task_from(dict(resource))
    why = {DONE: task.result, REJECTED: task.reason}.get(task.status, task.reason)
    return Words(f"{task.title} : {task.state.lower()}", why, task.owner_name, f"/taches/{task.id}")


@renders("task-back")
def back_words(resource: Mapping[str, Any]) -> Words:
    """A task that came back: who had it no longer follows the person."""
    task = resources.task_from(dict(resource))
    said = resources.steps_of(dict(resource))
    return Words(f"Vous revient : {task.title}", said[0].words if said else "", address=f"/taches/{task.id}")


@renders("visit-left")
def alone_words(resource: Mapping[str, Any]) -> Words:
    """A visit that nobody makes any more: who was to come left the circle."""
    visit = home_visits.home_visit_from(resource) if home_visits.is_home_visit(resource) else None
    when = care_date(datetime.fromisoformat(str(resource["start"]))) if "start" in resource else ""
    what = visit.what if visit else "Rendez-vous"
    said = str(resource.get("cancelationReason", {}).get("text", ""))
    return Words(
        f"Plus personne pour : {what}{f', le {when}' if when else ''}",
        said,
        address=f"/visites/{resource['id']}" if visit else "",
    )


@renders("task-reminder")
def reminder_words(resource: Mapping[str, Any]) -> Words:
    """A reminder that its owner, or who asked for it, set."""
    task = resources.task_from(dict(resource))
    return Words(f"Rappel : {task.title}", task.description, task.requester_name, f"/taches/{task.id}")


@renders("Flag")
def alert_words(resource: Mapping[str, Any]) -> Words:
    """An alert: the fact, why, and that it waits for somebody."""
    alert = alerts.alert_from(resource, None)
    why = alert.why.data or alert.why.rule
    return Words(f"Alerte : {alert.title}", why, alert.words, "/alertes", urgent=alert.level == 1)


SHORT = 140


@renders("note-important")
def note_words(resource: Mapping[str, Any]) -> Words:
    """A note of the liaison notebook that is to be read before the next visit."""
    plain = dict(resource)
    note = notes.note_from(plain)
    patient = str(plain.get("subject", {}).get("reference", "")).removeprefix("Patient/")
    said = note.text if len(note.text) <= SHORT else f"{note.text[:SHORT]}…"
    return Words("Note importante au cahier", said, note.author, f"/patients/{patient}/cahier", urgent=True)
