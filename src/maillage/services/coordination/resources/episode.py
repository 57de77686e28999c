"""EpisodeOfCare ↔ the time during which a coordination team supports somebody."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from maillage.access.references import local

Resource = dict[str, Any]

EPISODE, COORDINATION = "urn:maillage:episode", "coordination"
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


def team_of(episode: Mapping[str, Any]) -> str:
    """The reference of the team that supports the person."""
    return local(episode.get("managingOrganization")) or ""
