"""EpisodeOfCare of coordination → how closely somebody is supported, and in which programme or pathway."""

from collections.abc import Mapping
from typing import Any

EPISODE = "urn:maillage:episode"
LEVEL = "urn:maillage:support-level"
"""System of a coding of EpisodeOfCare.type: `simple`, `reinforced`, `complex`."""
WORDS = {"simple": "Simple", "reinforced": "Renforcé", "complex": "Complexe"}


def level_of(episode: Mapping[str, Any]) -> str:
    """The level of support in French; empty where the episode says none."""
    codings = [
        coding for concept in episode.get("type", []) for coding in concept.get("coding", []) if coding.get("system") == LEVEL
    ]
    return next((WORDS.get(str(one.get("code")), str(one.get("display", ""))) for one in codings), "")


def programme_of(episode: Mapping[str, Any]) -> str:
    """The programme or pathway in which somebody is followed: a type of the episode beside coordination itself and its level; empty where it says none."""
    for concept in episode.get("type", []):
        codings = concept.get("coding", [])
        if not {coding.get("system") for coding in codings} & {LEVEL, EPISODE}:
            return str(concept.get("text") or next((one["display"] for one in codings if one.get("display")), ""))
    return ""
