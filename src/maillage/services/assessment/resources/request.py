"""A questionnaire that somebody is asked to answer (SDC 3.0.0, profile SDCTask) ↔ small values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Resource = dict[str, Any]
SYSTEM = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp"
CODE = "complete-questionnaire"
WANTED = f"{SYSTEM}|{CODE}"
ASKED, BEGUN, ANSWERED, TAKEN_BACK = "requested", "in-progress", "completed", "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked of a person, by whom and when (FHIR text); `response` is the id of what answered it, where it is."""

    id: str
    version: str
    patient: str
    canonical: str
    title: str
    requester: str
    requester_name: str
    at: str
    status: str
    response: str

    @property
    def open(self) -> bool:
        """Whether it still waits for its answer."""
        return self.status in (ASKED, BEGUN)


def is_asked(task: Mapping[str, Any]) -> bool:
    """Whether a Task asks for the answers to a questionnaire."""
    return any((one.get("system"), one.get("code")) == (SYSTEM, CODE) for one in task.get("code", {}).get("coding", ()))


def asked_from(task: Mapping[str, Any]) -> Asked:
    """The request that such a Task is."""
    canonical = next((one.get("valueCanonical", "") for one in task.get("input", ())), "")
    response = next((one.get("valueReference", {}).get("reference", "") for one in task.get("output", ())), "")
    requester = task.get("requester", {})
    return Asked(
        id=task["id"], version=task.get("meta", {}).get("versionId", ""), patient=task.get("for", {}).get("reference", "").removeprefix("Patient/"), canonical=canonical,
        title=task.get("description", ""), requester=requester.get("reference", ""), requester_name=requester.get("display", ""), at=task.get("authoredOn", ""), status=task["status"],
        response=response.removeprefix("QuestionnaireResponse/"),
    )  # fmt: skip


def task_for(*, id: str, patient: str, canonical: str, title: str, by: Resource, at: str) -> Resource:
    """The Task of a new request."""
    return {
        "resourceType": "Task", "id": id, "status": ASKED, "intent": "order", "code": {"coding": [{"system": SYSTEM, "code": CODE}], "text": "Questionnaire à remplir"}, "description": title,
        "for": {"reference": f"Patient/{patient}"}, "owner": {"reference": f"Patient/{patient}"}, "requester": by, "authoredOn": at,
        "input": [{"type": {"coding": [{"system": SYSTEM, "code": "questionnaire"}]}, "valueCanonical": canonical}],
    }  # fmt: skip


def answered(task: Mapping[str, Any], *, response: str) -> Resource:
    """The Task once it is answered."""
    output = {
        "type": {"coding": [{"system": SYSTEM, "code": "questionnaire-response"}]},
        "valueReference": {"reference": f"QuestionnaireResponse/{response}"},
    }
    return {**task, "status": ANSWERED, "output": [output]}
