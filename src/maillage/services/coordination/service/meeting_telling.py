"""Who is told of a meeting: those who are invited, when it is called; all of them, when it is concluded; of its report, the others of the circle."""

from collections.abc import Mapping, Sequence
from typing import Any

from maillage.access.context import Context
from maillage.access.references import local
from maillage.services.coordination.resources import meeting as resources
from maillage.services.messaging import public as messaging
from maillage.ui.words import care_date, spoken_time

Resource = dict[str, Any]

INVITED, CONCLUDED, REPORTED = "meeting-invitation", "meeting-conclusion", "meeting-report"


def tell_invited(ctx: Context, meeting: Resource, *, patient: str) -> None:
    """Puts the meeting before whoever is invited, once."""
    messaging.notify(ctx, kind=INVITED, about=f"Appointment/{meeting['id']}", patient=patient, to=_guests(meeting))


def tell_concluded(ctx: Context, meeting: Resource, *, patient: str) -> None:
    """Nobody need answer any more; the decision is put before all who were invited, come or not."""
    about = f"Appointment/{meeting['id']}"
    messaging.settle(ctx, about=about, kind=INVITED)
    messaging.notify(ctx, kind=CONCLUDED, about=about, patient=patient, to=_guests(meeting), key=f"{about}#concluded")


@messaging.renders(INVITED)
def words_of_an_invitation(resource: Mapping[str, Any]) -> messaging.Words:
    """« Concertation », the question, when."""
    return _words("Concertation : votre présence ou votre avis", resource)


@messaging.renders(CONCLUDED)
def words_of_a_conclusion(resource: Mapping[str, Any]) -> messaging.Words:
    """The question, and that it is decided."""
    return _words("Concertation conclue : la décision est dans le plan", resource)


def tell_of_the_report(ctx: Context, report: Resource, *, patient: str, to: Sequence[str]) -> None:
    """Puts the report before those who were not invited."""
    messaging.notify(ctx, kind=REPORTED, about=f"DocumentReference/{report['id']}", patient=patient, to=to)


@messaging.renders(REPORTED)
def words_of_a_report(resource: Mapping[str, Any]) -> messaging.Words:
    """That there was a concertation, about what, and its report."""
    by = next((str(one.get("display", "")) for one in resource.get("author", [])), "")
    return messaging.Words(
        "Compte rendu de concertation", str(resource.get("description", "")), by, f"/documents/{resource['id']}"
    )


def _words(title: str, resource: Mapping[str, Any]) -> messaging.Words:
    one = resources.meeting_from(resource)
    when = f"le {care_date(one.start)} à {spoken_time(one.start)}" if one.start else ""
    people = (local(guest.get("actor")) or "" for guest in resource.get("participant", []))
    patient = next((one.removeprefix("Patient/") for one in people if one.startswith("Patient/")), "")
    address = f"/patients/{patient}/concertations/{one.id}" if patient else ""
    return messaging.Words(title, detail=", ".join(filter(None, (one.question[:160], when))), address=address)


def _guests(meeting: Resource) -> list[str]:
    return [guest.reference for guest in resources.meeting_from(meeting).guests]
