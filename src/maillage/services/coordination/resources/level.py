"""EpisodeOfCare of coordination → who follows somebody for the team, and how closely they are supported."""

from collections.abc import Mapping
from typing import Any

LEVEL = "urn:maillage:support-level"
"""System of a coding of EpisodeOfCare.type: `simple`, `reinforced`, `complex`."""
WORDS = {"simple": "Simple", "reinforced": "Renforcé", "complex": "Complexe"}


def level_of(episode: Mapping[str, Any]) -> str:
    """The level of support in French; empty where the episode says none."""
    codings = [
        coding for concept in episode.get("type", []) for coding in concept.get("coding", []) if coding.get("system") == LEVEL
    ]
    return next((WORDS.get(str(one.get("code")), str(one.get("display", ""))) for one in codings), "")
