"""Task (FHIR R4 §12.7) → what was asked in a message, as its conversation shows it, whoever wrote the Task."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.references import as_list, local

WISH = "urn:maillage:wish"
"""System of what is asked, in `Task.reasonCode`: measure, todo, opinion."""
OVER = frozenset({"completed", "cancelled", "rejected", "failed", "entered-in-error"})
STATES = {
    "draft": "À faire", "requested": "À faire", "received": "À faire", "accepted": "Acceptée", "ready": "Acceptée", "in-progress": "En cours",
    "on-hold": "En attente", "rejected": "Refusée", "cancelled": "Annulée", "failed": "Sans résultat", "completed": "Faite",
    "entered-in-error": "Annulée",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: of whom, by when (None where the Task does not say), and where it stands in words. `kind`: a code of WISH, "" where it says none;
    `result`: what came of it, or why nothing did."""

    id: str
    title: str
    owner: str
    owner_name: str
    due: datetime | None
    state: str
    open: bool
    done: bool
    kind: str = ""
    result: str = ""

    def late(self, now: datetime) -> bool:
        """Whether it should have been done."""
        return self.open and self.due is not None and self.due < now


def wish_from(resource: dict[str, Any]) -> Asked:
    """What a Task, or a ServiceRequest, that a message names asks for."""
    owner = resource.get("owner", {})
    status = str(resource.get("status", ""))
    reasons = [coding for reason in as_list(resource.get("reasonCode")) for coding in reason.get("coding", [])]
    return Asked(
        id=resource["id"],
        title=str(resource.get("code", {}).get("text") or "Demande"),
        owner=local(owner) or "",
        owner_name=str(owner.get("display", "")),
        due=_moment(resource.get("restriction", {}).get("period", {}).get("end")),
        state=STATES.get(status, "À faire"),
        open=status not in OVER,
        done=status == "completed",
        kind=next((str(one["code"]) for one in reasons if one.get("system") == WISH and "code" in one), ""),
        result=next((str(one["valueString"]) for one in resource.get("output", []) if "valueString" in one), "")
        or str(resource.get("statusReason", {}).get("text", "")),
    )


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
