"""What the records of a person say that somebody holds who left the circle: EpisodeOfCare, Encounter, Appointment without them. Pure; tolerant of what others write."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from maillage.access.grants import KEPT_APPOINTMENT, OPEN_ENCOUNTER, OPEN_EPISODE
from maillage.access.references import local
from maillage.services.coordination.resources import episode as episodes

Resource = dict[str, Any]
HELD = {"Appointment": KEPT_APPOINTMENT, "Encounter": OPEN_ENCOUNTER, "EpisodeOfCare": OPEN_EPISODE}
"""What lets somebody see the person while it is in one of these states, besides their place in the circle."""
IN_HOSPITAL = frozenset({"ACUTE", "EMER", "IMP", "NONAC", "OBSENC", "PRENC", "SS"})
"""v3-ActCode: the person lies in a bed there, or comes to: who cares for them there is no matter of the circle."""
LEFT = "Qui devait venir ne suit plus la personne"


def without(resource: Resource, gone: Collection[str], at: datetime) -> Resource:
    """The record without those who left: it ends, where nobody else holds it. The same object where it names none of them, or is not theirs to end:
    the support of a team that a request opened, a stay in hospital."""
    kind = resource["resourceType"]
    if resource.get("status") not in HELD[kind]:
        return resource
    if kind == "EpisodeOfCare":
        return resource if episodes.is_of_request(resource) else _episode(resource, gone, at)
    return _encounter(resource, gone, at) if kind == "Encounter" else _appointment(resource, gone, at)


def _episode(episode: Resource, gone: Collection[str], at: datetime) -> Resource:
    holders = {name: local(episode.get(name)) for name in ("managingOrganization", "careManager") if name in episode}
    leaving = {name for name, who in holders.items() if who in gone}
    if not leaving:
        return episode
    if leaving == holders.keys():
        return episodes.ended(episode, reason="", at=at)
    return {name: value for name, value in episode.items() if name not in leaving}


def _encounter(encounter: Resource, gone: Collection[str], at: datetime) -> Resource:
    if encounter.get("class", {}).get("code") in IN_HOSPITAL:
        return encounter
    people = encounter.get("participant", [])
    kept = [one for one in people if local(one.get("individual")) not in gone]
    keeper = local(encounter.get("serviceProvider"))
    if len(kept) == len(people) and keeper not in gone:
        return encounter
    if any("individual" in one for one in kept) or (keeper and keeper not in gone):
        bare = {name: value for name, value in encounter.items() if name != "participant"}
        bare = bare if keeper not in gone else {name: value for name, value in bare.items() if name != "serviceProvider"}
        return bare | ({"participant": kept} if kept else {})
    if encounter["status"] == "planned":
        return encounter | {"status": "cancelled"}
    return encounter | {"status": "finished", "period": {**encounter.get("period", {}), "end": _ended(encounter, at)}}


def _appointment(appointment: Resource, gone: Collection[str], at: datetime) -> Resource:
    people = appointment.get("participant", [])
    leaving = [one for one in people if local(one.get("actor")) in gone and one.get("status") != "declined"]
    if not leaving or str(appointment.get("end") or appointment.get("start", "")) < at.isoformat():
        return appointment
    said = appointment | {"participant": [one | {"status": "declined"} if one in leaving else one for one in people]}
    if is_nobodys(said):
        return said | {"status": "cancelled", "cancelationReason": {"text": LEFT}}
    return said


def is_nobodys(appointment: Resource) -> bool:
    """Whether no professional is to come to an appointment."""
    comers = ("Organization/", "Practitioner/", "PractitionerRole/")
    return not any(
        (local(one.get("actor")) or "").startswith(comers) and one.get("status") != "declined"
        for one in appointment.get("participant", [])
    )


def _ended(resource: Resource, at: datetime) -> str:
    """Now; not before it began."""
    since = str(resource.get("period", {}).get("start", ""))
    now = at.isoformat(timespec="seconds")
    return since if len(since) > len("2026-11-23") and datetime.fromisoformat(since) > at else now
