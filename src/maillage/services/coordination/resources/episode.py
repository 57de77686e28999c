"""EpisodeOfCare ↔ the time during which a coordination team supports somebody."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from maillage.access.references import local

Resource = dict[str, Any]

END = "Fin de l’appui à la coordination"
EPISODE, COORDINATION = "urn:maillage:episode", "coordination"
CLOSURE = "urn:maillage:episode-closure"
OF_REQUEST = "urn:maillage:support-episode"
"""System of the identifier that makes the episode of a request the only one."""


def is_episode(resource: Mapping[str, Any]) -> bool:
    """Whether an EpisodeOfCare is the support of a coordination team."""
    return any(
        coding.get("system") == EPISODE and coding.get("code") == COORDINATION
        for concept in resource.get("type", [])
        for coding in concept.get("coding", [])
    )


def episode_for(*, request: str, patient: str, team: str, team_name: str, referent: str | None, at: datetime) -> Resource:
    """The episode that an accepted request opens. `patient` and `request` are ids, `team` and `referent` references."""
    return {
        "resourceType": "EpisodeOfCare",
        "identifier": [{"system": OF_REQUEST, "value": request}],
        "status": "active",
        "type": [{"coding": [{"system": EPISODE, "code": COORDINATION}], "text": "Appui à la coordination"}],
        "patient": {"reference": f"Patient/{patient}"},
        "managingOrganization": {"reference": team, **({"display": team_name} if team_name else {})},
        "period": {"start": at.isoformat(timespec="seconds")},
        "referralRequest": [{"reference": f"ServiceRequest/{request}"}],
        **({"careManager": {"reference": referent}} if referent else {}),
    }


def ended(episode: Resource, *, reason: str, at: datetime) -> Resource:
    """The episode over, and why."""
    bare = _without_reason(episode)
    said = [*bare.get("extension", []), *([{"url": CLOSURE, "valueCode": reason}] if reason else [])]
    period = {**episode.get("period", {}), "end": at.isoformat(timespec="milliseconds")}
    return {**bare, **({"extension": said} if said else {}), "status": "finished", "period": period}


def reopened(episode: Resource) -> Resource:
    """The episode going on again."""
    period = {key: value for key, value in episode.get("period", {}).items() if key != "end"}
    return {**_without_reason(episode), "status": "active", "period": period}


def reason_of(episode: Mapping[str, Any]) -> str:
    """Why it ended, by its code."""
    return str(next((one.get("valueCode", "") for one in episode.get("extension", []) if one.get("url") == CLOSURE), ""))


def is_of_request(episode: Mapping[str, Any]) -> bool:
    """Whether an accepted request opened it: it is its team's, and ends by the closure of the request."""
    return any(one.get("system") == OF_REQUEST for one in episode.get("identifier", []))


def request_of(episode: Mapping[str, Any]) -> str | None:
    """The id of the request that opened it."""
    named = (local(one) or "" for one in episode.get("referralRequest", []))
    return next((one.partition("/")[2] for one in named if one.startswith("ServiceRequest/")), None)


def _without_reason(episode: Resource) -> Resource:
    kept = [one for one in episode.get("extension", []) if one.get("url") != CLOSURE]
    return {key: value for key, value in episode.items() if key != "extension"} | ({"extension": kept} if kept else {})


def team_of(episode: Mapping[str, Any]) -> str:
    """The reference of the team that supports the person."""
    return local(episode.get("managingOrganization")) or ""
