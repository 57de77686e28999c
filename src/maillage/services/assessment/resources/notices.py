"""What a notice about an assessment says."""

from collections.abc import Mapping
from typing import Any

from maillage.services.messaging.public import Words, renders


@renders("questionnaire-answered")
def answered_words(resource: Mapping[str, Any]) -> Words:
    """A questionnaire that somebody asked for was answered: by whom, and where it is read."""
    patient = str(resource.get("subject", {}).get("reference", "")).removeprefix("Patient/")
    return Words(
        "Questionnaire rempli",
        source=str(resource.get("author", {}).get("display", "")),
        address=f"/patients/{patient}/evaluations/{resource['id']}",
    )
