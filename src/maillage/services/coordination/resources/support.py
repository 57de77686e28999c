"""A request for support: ServiceRequest of category `support` and the Task by which the team answers it ↔ what pages and rules need.

A request that another software wrote may lack what our form asks: it is shown with what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from maillage.access.references import local
from maillage.services.coordination.rules.support import DUE, Delay, Source, State, Step
from maillage.services.identity.public import Traits

Resource = dict[str, Any]

REQUEST, SUPPORT = "urn:maillage:request", "support"
"""System and code of the category of the ServiceRequest, and of the code of its Task."""
REASON, NEED = "urn:maillage:support-reason", "urn:maillage:support-need"
DELAY, GP_INFORMED, CONSENT = "urn:maillage:support-delay", "urn:maillage:gp-informed", "urn:maillage:support-consent"
OUTCOME = "urn:maillage:support-outcome"
CLOSURE = "urn:maillage:support-closure"
REFERENT = "referent"
DIED = "died"
TASK_OF = "urn:maillage:support-task"
"""System of the identifier that makes the Task of a request the only one."""
PERSON = "personne"
"""Id of the contained Patient: who the request is about, as far as its reader needs to know before it is accepted."""
_URGENT = frozenset({"urgent", "asap", "stat"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """That the person agreed: how it was said (`online`, `spoken`, `written`), to whom (a reference, None: said themself), when."""

    how: str
    collector: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a form asks: reason and need are codes, words are the requester's own."""

    reason: str
    words: str
    needs: tuple[str, ...]
    delay: Delay
    gp_informed: str
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it stands. References are "Practitioner/12"; `person` is what may be shown of who it is about."""

    id: str
    patient: str
    person: str
    phone: str
    place: str
    requester: str
    requester_name: str
    team: str
    team_name: str
    reason: str
    words: str
    needs: tuple[str, ...]
    delay: Delay
    gp_informed: str
    agreement: Agreement | None
    asked: datetime
    before: str
    withdrawn: bool
    task: str | None
    version: str
    state: State
    directed: bool
    said: str
    due: datetime
    decided: datetime | None
    steps: tuple[Step, ...]

    @property
    def source(self) -> Source:
        return source_of(self.requester)


def source_of(requester: str) -> Source:
    """Who asks, in kinds that can be counted."""
    kind = requester.partition("/")[0]
    known = {
        "Patient": Source.PERSON,
        "RelatedPerson": Source.FAMILY,
        "Practitioner": Source.PROFESSIONAL,
        "PractitionerRole": Source.PROFESSIONAL,
    }
    return known.get(kind, Source.SERVICE)


def is_request(resource: Mapping[str, Any]) -> bool:
    """Whether a ServiceRequest asks a coordination team for support."""
    return resource.get("resourceType") == "ServiceRequest" and any(
        _has(one, REQUEST, SUPPORT) for one in resource.get("category", [])
    )


def is_answer(resource: Mapping[str, Any]) -> bool:
    """Whether a Task is that of a request for support."""
    return resource.get("resourceType") == "Task" and _has(resource.get("code", {}), REQUEST, SUPPORT)


def request_for(
    asked: Asked, agreement: Agreement, *, id: str, patient: str, person: Traits, requester: str, requester_name: str, team: str, team_name: str, at: datetime,
    follows: str = "",
) -> Resource:  # fmt: skip
    """The ServiceRequest of a form. `patient` is the id of the Patient it is about, `follows` the request whose team hands over."""
    return {
        "resourceType": "ServiceRequest",
        "id": id,
        "contained": [person_for(person)],
        "extension": [
            {"url": DELAY, "valueCode": asked.delay.value},
            *([{"url": GP_INFORMED, "valueCode": asked.gp_informed}] if asked.gp_informed else []),
            agreement_for(agreement),
        ],
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": REQUEST, "code": SUPPORT}], "text": "Demande d’appui"}],
        "priority": "urgent" if asked.delay is Delay.TWO_DAYS else "routine",
        "code": {"text": "Appui à la coordination"},
        **({"orderDetail": [{"coding": [{"system": NEED, "code": one}]} for one in asked.needs]} if asked.needs else {}),
        "subject": {"reference": f"Patient/{patient}", "display": words_for(person)},
        **({"occurrencePeriod": {"end": asked.before}} if asked.before else {}),
        **({"basedOn": [{"reference": f"ServiceRequest/{follows}"}]} if follows else {}),
        "authoredOn": at.isoformat(timespec="seconds"),
        "requester": {"reference": requester, "display": requester_name},
        "performer": [{"reference": team, "display": team_name}],
        "reasonCode": [{"coding": [{"system": REASON, "code": asked.reason}], "text": asked.words}],
        "supportingInfo": [{"reference": f"#{PERSON}"}],
    }


def agreement_for(agreement: Agreement) -> Resource:
    """The extension that says that the person agreed."""
    who = [{"url": "collector", "valueReference": {"reference": agreement.collector}}] if agreement.collector else []
    return {
        "url": CONSENT,
        "extension": [
            {"url": "how", "valueCode": agreement.how},
            {"url": "at", "valueDateTime": agreement.at.isoformat(timespec="seconds")},
            *who,
        ],
    }


def agreement_of(resource: Mapping[str, Any]) -> Agreement | None:
    """That the person agreed, None where the request does not say how and when."""
    parts: list[Resource] = next(
        (one.get("extension", []) for one in resource.get("extension", []) if one.get("url") == CONSENT), []
    )
    said = {str(part.get("url")): part for part in parts}
    how, at = said.get("how", {}).get("valueCode"), said.get("at", {}).get("valueDateTime", "")
    if not how or "T" not in at:
        return None
    return Agreement(how=how, collector=local(said.get("collector", {}).get("valueReference")), at=datetime.fromisoformat(at))


def person_for(traits: Traits) -> Resource:
    """What the team needs to call the right person before the record is theirs."""
    said: Resource = {
        "resourceType": "Patient",
        "id": PERSON,
        "name": [{"family": traits.birth_name.upper(), "given": [traits.first_given]}],
    }
    said |= {name: value for name, value in (("gender", traits.sex), ("birthDate", traits.birth_date)) if value}
    if traits.phone:
        said["telecom"] = [{"system": "phone", "value": traits.phone}]
    return said | ({"address": [{"text": traits.address}]} if traits.address else {})


def words_for(traits: Traits) -> str:
    """« PAT-TROIS Dominique, 28/03/1979 »."""
    name = " ".join(filter(None, (traits.birth_name.upper(), traits.first_given.title())))
    born = "/".join(reversed(traits.birth_date.split("-"))) if traits.birth_date else ""
    return ", ".join(filter(None, (name, born)))


def task_for(request: Request, *, at: datetime) -> Resource:
    """The Task by which a team answers a request."""
    return {
        "resourceType": "Task",
        "identifier": [{"system": TASK_OF, "value": request.id}],
        "status": State.NEW.value,
        "intent": "order",
        "priority": "urgent" if request.delay is Delay.TWO_DAYS else "routine",
        "code": {"coding": [{"system": REQUEST, "code": SUPPORT}], "text": "Répondre à une demande d’appui"},
        "focus": {"reference": f"ServiceRequest/{request.id}"},
        "for": {"reference": f"Patient/{request.patient}"},
        "authoredOn": request.asked.isoformat(timespec="seconds"),
        "lastModified": at.isoformat(timespec="seconds"),
        **({"requester": {"reference": request.requester}} if request.requester else {}),
        "owner": {"reference": request.team, **({"display": request.team_name} if request.team_name else {})},
        "restriction": {"period": {"end": (request.asked + DUE[request.delay]).isoformat(timespec="seconds")}},
    }


def moved(
    task: Resource, state: State, *, words: str, by: str | None, name: str, at: datetime, directed: bool = False
) -> Resource:
    """The Task in its next state, with what was said, by whom and when."""
    author = {"authorReference": {"reference": by, "display": name}} if by else {"authorString": name}
    note = [*task.get("note", []), {**author, "time": at.isoformat(timespec="seconds"), "text": words or state.value}]
    reason = (
        {"statusReason": {**({"coding": [{"system": OUTCOME, "code": "directed"}]} if directed else {}), "text": words}}
        if words
        else {}
    )
    decided = (
        {"executionPeriod": {"start": at.isoformat(timespec="seconds")}}
        if state.decides and "executionPeriod" not in task
        else {}
    )
    kept = {key: value for key, value in task.items() if key != "statusReason"}
    return {**kept, **reason, **decided, "status": state.value, "note": note, "lastModified": at.isoformat(timespec="seconds")}


def closed(
    task: Resource, *, reason: str, words: str, by: str | None, name: str, at: datetime, died: date | None = None
) -> Resource:
    """The Task of a support that ends, and why (of `rules.support.CLOSURES`); the day on which the person died, where it is known."""
    ended = moved(task, State.CLOSED, words=words, by=by, name=name, at=at)
    if died:
        said = {"type": {"coding": [{"system": OUTCOME, "code": DIED}], "text": "Date du décès"}, "valueDate": died.isoformat()}
        ended["output"] = [*(one for one in ended.get("output", []) if not _has(one.get("type", {}), OUTCOME, DIED)), said]
    return {**ended, "statusReason": {"coding": [{"system": CLOSURE, "code": reason}], "text": words}}


def died_of(task: Mapping[str, Any]) -> str:
    """The day on which the person died (ISO), where the end of a support says it; else ""."""
    said = (str(one.get("valueDate", "")) for one in task.get("output", []) if _has(one.get("type", {}), OUTCOME, DIED))
    return next(filter(None, said), "")


def closure_of(task: Mapping[str, Any]) -> str:
    """Why a support ended, by its code; empty where the Task does not say."""
    codings = task.get("statusReason", {}).get("coding", [])
    return next((str(one["code"]) for one in codings if one.get("system") == CLOSURE and "code" in one), "")


def handed_over_by(resource: Mapping[str, Any]) -> str | None:
    """The id of the request whose team hands over to the one that is asked."""
    named = (local(one) or "" for one in resource.get("basedOn", []))
    return next((one.partition("/")[2] for one in named if one.startswith("ServiceRequest/")), None)


def with_referent(task: Resource, referent: str) -> Resource:
    """The Task that names who of the team follows the person."""
    others = [one for one in task.get("output", []) if not _has(one.get("type", {}), OUTCOME, REFERENT)]
    output = {
        "type": {"coding": [{"system": OUTCOME, "code": REFERENT}], "text": "Référent"},
        "valueReference": {"reference": referent},
    }
    return {**task, "output": [*others, output]}


def referent_of(task: Mapping[str, Any]) -> str | None:
    """Who of the team follows the person ("Practitioner/3"), where the Task names them."""
    named = (local(one.get("valueReference")) for one in task.get("output", []) if _has(one.get("type", {}), OUTCOME, REFERENT))
    return next(filter(None, named), None)


def request_from(resource: Mapping[str, Any], task: Mapping[str, Any] | None = None) -> Request:
    """A request as it stands, with the Task that answers it where there is one already."""
    answer = task or {}
    reason: Mapping[str, Any] = next(iter(resource.get("reasonCode", [])), {})
    person: Mapping[str, Any] = next((one for one in resource.get("contained", []) if one.get("id") == PERSON), {})
    asked = _instant(resource.get("authoredOn")) or _instant(resource.get("meta", {}).get("lastUpdated")) or datetime.max
    team: Mapping[str, Any] = next(iter(resource.get("performer", [])), {})
    delay = _delay(resource)
    state = State(answer["status"]) if answer.get("status") in set(State) else State.NEW
    withdrawn = resource.get("status") in ("revoked", "entered-in-error")
    outcome = answer.get("statusReason", {})
    return Request(
        id=resource["id"],
        patient=(local(resource.get("subject")) or "").removeprefix("Patient/"),
        person=str(resource.get("subject", {}).get("display") or "Personne à identifier"),
        phone=next((str(one["value"]) for one in person.get("telecom", []) if one.get("value")), ""),
        place=next((str(one.get("text") or one.get("city") or "") for one in person.get("address", [])), ""),
        requester=local(resource.get("requester")) or "",
        requester_name=str(resource.get("requester", {}).get("display") or ""),
        team=local(team) or "",
        team_name=str(team.get("display") or ""),
        reason=next((str(c.get("code")) for c in reason.get("coding", []) if c.get("system") == REASON), ""),
        words=str(reason.get("text") or next((n["text"] for n in resource.get("note", []) if n.get("text")), "")),
        needs=tuple(str(c["code"]) for one in resource.get("orderDetail", []) for c in one.get("coding", []) if c.get("system") == NEED and "code" in c),
        delay=delay,
        gp_informed=str(next((one.get("valueCode") for one in resource.get("extension", []) if one.get("url") == GP_INFORMED), "")),
        agreement=agreement_of(resource),
        asked=asked,
        before=str(resource.get("occurrencePeriod", {}).get("end", ""))[:10],
        withdrawn=withdrawn,
        task=answer.get("id"),
        version=str(answer.get("meta", {}).get("versionId", "")),
        state=State.WITHDRAWN if withdrawn else state,
        directed=_has(outcome, OUTCOME, "directed"),
        said=str(outcome.get("text") or ""),
        due=_instant(answer.get("restriction", {}).get("period", {}).get("end")) or asked + DUE[delay],
        decided=_instant(answer.get("executionPeriod", {}).get("start")),
        steps=tuple(_steps(answer)),
    )  # fmt: skip


def _steps(task: Mapping[str, Any]) -> list[Step]:
    found = []
    for note in task.get("note", []):
        at = _instant(note.get("time"))
        author = note.get("authorReference", {})
        if at:
            found.append(Step(at, str(author.get("display") or note.get("authorString") or ""), str(note.get("text", ""))))
    return found


def _delay(resource: Mapping[str, Any]) -> Delay:
    said = next((one.get("valueCode") for one in resource.get("extension", []) if one.get("url") == DELAY), None)
    if said in set(Delay):
        return Delay(said)
    return Delay.TWO_DAYS if resource.get("priority") in _URGENT else Delay.NONE


def _instant(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None


def _has(concept: Mapping[str, Any], system: str, code: str) -> bool:
    return any(one.get("system") == system and one.get("code") == code for one in concept.get("coding", []))
