"""Any resource of a record → the line that tells of it: what, which words, whose, when, where it is shown. Pure; tolerant of what others write."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from maillage.access.masks import CONFIDENTIALITY_SYSTEMS
from maillage.services.coordination.resources import constants, relative
from maillage.services.coordination.resources import task as tasks
from maillage.services.coordination.resources.invitation import INVITATION
from maillage.services.documents import public as documents
from maillage.ui.words import number, phone

Resource = Mapping[str, Any]
Kind = Literal["care", "doc", "social", "alert", "plain"]
SHORT = 160
"""Letters of a free text that a line shows."""
ABSENT = {"entered-in-error"}


@dataclass(frozen=True, slots=True)
class Told:
    """A line of a record. `lead` is bold, `words` follow; `who` wrote it; `at` is FHIR text of the main date, empty where it says none; `href` shows it.

    `urgent`: out of range, or an alert. `only` says who can see it where not everyone of the circle does.
    """

    reference: str
    kind: Kind
    lead: str
    words: str = ""
    who: str = ""
    at: str = ""
    href: str = ""
    urgent: bool = False
    only: str = ""


def told(resource: Resource, *, patient: str) -> Told:
    """What a resource says, whatever its type."""
    kind = str(resource["resourceType"])
    line = _BY_TYPE.get(kind, _other)(resource, patient)
    at = line.at or date_of(resource)
    return replace(line, reference=f"{kind}/{resource['id']}", who=line.who or who_of(resource), at=at, only=only_for(resource))


def text(concept: object) -> str:
    """The words of a CodeableConcept: its text, else a display, else a code."""
    if not isinstance(concept, Mapping):
        return ""
    codings = [one for one in concept.get("coding", []) if isinstance(one, Mapping)]
    shown = next((one["display"] for one in codings if one.get("display")), "") or next(
        (one["code"] for one in codings if one.get("code")), ""
    )
    return str(concept.get("text") or shown)


def code(concept: object) -> str:
    """The first code of a CodeableConcept, or nothing."""
    codings = concept.get("coding", []) if isinstance(concept, Mapping) else []
    return str(next((one["code"] for one in codings if one.get("code")), ""))


def codes(concepts: object, system: str) -> set[str]:
    """The codes of a system among one or several CodeableConcepts."""
    several = concepts if isinstance(concepts, list) else [concepts]
    found = (one for concept in several if isinstance(concept, Mapping) for one in concept.get("coding", []))
    return {str(one["code"]) for one in found if one.get("system") == system and "code" in one}


def name(resource: Resource) -> str:
    """« Claude PAT-TROIS », of a person or a contact."""
    said: Any = next(iter(resource.get("name", [])), {})
    if not isinstance(said, Mapping):
        return str(resource.get("name", ""))
    given = " ".join(one for one in said.get("given", [])[:1] if one)
    return str(said.get("text") or f"{given} {said.get('family', '')}".strip())


_AUTHORS = ("author", "recorder", "asserter", "sender", "requester", "informationSource", "performer", "source", "owner")


def who_of(resource: Resource) -> str:
    """Who says it, by the words that the resource itself holds; empty where it holds none."""
    for field in _AUTHORS:
        found = resource.get(field)
        for one in found if isinstance(found, list) else [found]:
            actor = one.get("actor", one) if isinstance(one, Mapping) else {}
            if isinstance(actor, Mapping) and actor.get("display"):
                return str(actor["display"])
    return ""


_DATES = (
    "effectiveDateTime", "authoredOn", "dateAsserted", "sent", "recordedDate", "date", "authored", "created", "issued", "start",
    "occurrenceDateTime", "performedDateTime", "startDate", "onsetDateTime",
)  # fmt: skip
_PERIODS = ("period", "effectivePeriod", "performedPeriod", "occurrencePeriod")


def date_of(resource: Resource) -> str:
    """The date that a line shows, else when it was written."""
    for field in _DATES:
        if resource.get(field):
            return str(resource[field])
    for field in _PERIODS:
        if start := resource.get(field, {}).get("start"):
            return str(start)
    return str(resource.get("meta", {}).get("lastUpdated", ""))


AUDIENCE = "urn:maillage:audience"


def only_for(resource: Resource) -> str:
    """Who can see it, in words, where its labels keep it from part of the circle."""
    said = {
        str(one.get("code"))
        for one in [
            *resource.get("meta", {}).get("security", []),
            *(c for s in resource.get("securityLabel", []) for c in s.get("coding", [])),
        ]
        if one.get("system") == AUDIENCE or one.get("system") in CONFIDENTIALITY_SYSTEMS
    }
    said |= codes(resource.get("category", []), AUDIENCE)
    if "social-only" in said:
        return "Coordination et social seulement"
    return "Cercle soignant seulement" if said & {"care-only", "R"} else ""


def is_notice(resource: Resource) -> bool:
    """Whether the platform itself wrote it to somebody, of something that is told of already."""
    return resource["resourceType"] == "Communication" and any(
        str(one.get("code")) == "notification" for concept in resource.get("category", []) for one in concept.get("coding", [])
    )


def dose(medication: Resource) -> str:
    """How a treatment is taken, in words."""
    said = medication.get("dosage") or medication.get("dosageInstruction") or [{}]
    return str(said[0].get("text", ""))


def drug(medication: Resource) -> str:
    """The words of a medication."""
    return text(medication.get("medicationCodeableConcept")) or str(medication.get("medicationReference", {}).get("display", ""))


def value(observation: Resource) -> str:
    """« 84 mg/L », « 136/78 mmHg », « absent »."""
    if quantity := observation.get("valueQuantity"):
        return f"{quantity.get('comparator', '')}{number(quantity.get('value', ''))} {quantity.get('unit') or quantity.get('code', '')}".strip()
    if concept := observation.get("valueCodeableConcept"):
        return text(concept)
    if "valueInteger" in observation:
        return number(observation["valueInteger"])
    for field in ("valueString", "valueDateTime"):
        if field in observation:
            return str(observation[field])
    if "valueBoolean" in observation:
        return "oui" if observation["valueBoolean"] else "non"
    parts = [one for one in observation.get("component", []) if "valueQuantity" in one]
    if len({one["valueQuantity"].get("unit") for one in parts}) == 1 and len(parts) == 2:
        unit = parts[0]["valueQuantity"].get("unit", "")
        return f"{'/'.join(number(one['valueQuantity'].get('value', '')) for one in parts)} {unit}".strip()
    return ", ".join(f"{text(one.get('code')).lower()} {value(one)}" for one in observation.get("component", []))


def short(words: str) -> str:
    """The beginning of a free text, on one line."""
    line = " ".join(words.split())
    return line if len(line) <= SHORT else line[: SHORT - 1].rsplit(" ", 1)[0] + "…"


def notes(resource: Resource) -> str:
    """The free words of a resource."""
    return short(" ".join(str(one.get("text", "")) for one in resource.get("note", [])))


def joined(parts: Iterable[str]) -> str:
    """What is not empty, after commas."""
    return ", ".join(part for part in parts if part)


def _document(resource: Resource, patient: str) -> Told:
    said = documents.summary(dict(resource))
    detail = said.type_label if said.type_label != said.title else ""
    return Told("", "doc", said.title, detail, joined((said.organisation, said.author)), said.created, f"/documents/{said.id}")


STAYS = {
    "IMP": "Hospitalisation",
    "EMER": "Passage aux urgences",
    "AMB": "Consultation",
    "HH": "Visite à domicile",
    "VR": "Appel",
}


def _stay(resource: Resource, patient: str) -> Told:
    kind = str(resource.get("class", {}).get("code", ""))
    period = resource.get("period", {})
    ended = "end" in period and kind == "IMP"
    lead = "Sortie d’hospitalisation" if ended else STAYS.get(kind, "Prise en charge")
    reason = next((text(one) for one in resource.get("reasonCode", [])), "")
    going_on = "en cours" if resource.get("status") == "in-progress" else ""
    where = str(resource.get("serviceProvider", {}).get("display", ""))
    return Told(
        "", "alert" if kind == "EMER" else "care", lead, joined((reason, going_on)), where,
        str(period.get("end") or period.get("start", "")), urgent=kind == "EMER",
    )  # fmt: skip


OUT = {"H": "↑", "HH": "↑", "HU": "↑", "L": "↓", "LL": "↓", "LU": "↓", "A": "anormal", "AA": "anormal", "CRIT": "critique"}


def _observation(resource: Resource, patient: str) -> Told:
    mark = next((OUT[c] for one in resource.get("interpretation", []) if (c := code(one)) in OUT), "")
    return Told(
        "",
        "care",
        text(resource.get("code")) or "Mesure",
        joined((f"{value(resource)} {mark}".strip(), notes(resource))),
        urgent=bool(mark),
    )


def _treatment(resource: Resource, patient: str) -> Told:
    state = {
        "stopped": "arrêté",
        "completed": "terminé",
        "on-hold": "suspendu",
        "draft": "à confirmer",
        "cancelled": "annulé",
        "intended": "prévu",
    }
    reason = (
        next((text(one) for one in [*resource.get("statusReason", [])] if text(one)), "")
        if isinstance(resource.get("statusReason"), list)
        else text(resource.get("statusReason"))
    )
    return Told(
        "", "care", f"Traitement{' non pris' if resource.get('status') == 'not-taken' else ''} : {drug(resource)}", joined((dose(resource), state.get(resource.get("status", ""), ""), reason)),
        href=f"/patients/{patient}#traitements",
    )  # fmt: skip


def _problem(resource: Resource, patient: str) -> Told:
    state = {"resolved": "résolu", "inactive": "inactif", "remission": "en rémission", "recurrence": "récidive"}
    return Told(
        "", "care", text(resource.get("code")) or "Problème", joined((state.get(code(resource.get("clinicalStatus")), ""), notes(resource))),
        href=f"/patients/{patient}#problemes",
    )  # fmt: skip


def _allergy(resource: Resource, patient: str) -> Told:
    reactions = [text(m) for one in resource.get("reaction", []) for m in one.get("manifestation", [])]
    state = {"resolved": "guérie", "inactive": "écartée"}.get(code(resource.get("clinicalStatus")), "")
    if "716186003" in codes(resource.get("code"), "http://snomed.info/sct"):
        return Told("", "care", "Aucune allergie connue", "demandé à la personne")
    return Told("", "alert", f"Allergie : {text(resource.get('code'))}", joined((*reactions, state)), urgent=not state)


def _plan(resource: Resource, patient: str) -> Told:
    return Told(
        "",
        "social",
        str(resource.get("title") or "Plan personnalisé"),
        short(str(resource.get("description", ""))),
        href=f"/patients/{patient}/plan",
    )


def _goal(resource: Resource, patient: str) -> Told:
    state = {"completed": "atteint", "cancelled": "abandonné", "on-hold": "suspendu"}.get(resource.get("lifecycleStatus", ""), "")
    goal = dict(resource)
    if constants.is_threshold(goal):
        measured = constants.measured_by(goal)
        wanted = constants.bounds_of(measured, [goal]) if measured else None
        href = f"/patients/{patient}/constantes" + (f"?mesure={measured.key}" if measured else "")
        return Told(
            "",
            "care",
            text(resource.get("description")),
            joined((wanted.words(measured.unit) if measured and wanted else "", state)),
            href=href,
        )
    return Told("", "social", f"Objectif : {text(resource.get('description'))}", state, href=f"/patients/{patient}/plan")


def _task(resource: Resource, patient: str) -> Told:
    state = {
        "completed": "faite",
        "cancelled": "annulée",
        "rejected": "refusée",
        "failed": "non faite",
        "in-progress": "en cours",
    }
    title = text(resource.get("code")) or short(str(resource.get("description", ""))) or "Tâche"
    if "invitation" in codes(resource.get("code"), INVITATION):
        return Told("", "social", title, state.get(resource.get("status", ""), ""), href=f"/patients/{patient}/cercle")
    if tasks.is_alert(dict(resource)):
        answer = {"accepted": "prise en charge", "completed": "traitée", "cancelled": "non suivie"}.get(
            resource.get("status", ""), "à prendre"
        )
        return Told("", "alert", f"Alerte : {title}", answer, href="/alertes")
    if "complete-questionnaire" in codes(resource.get("code"), "http://hl7.org/fhir/uv/sdc/CodeSystem/temp"):
        answer = {"completed": "rempli", "cancelled": "annulé"}.get(str(resource.get("status", "")), "à remplir par la personne")
        return Told(
            "",
            "care",
            f"Questionnaire demandé : {resource.get('description', '')}",
            answer,
            href=f"/patients/{patient}/evaluations",
        )
    if "support" in codes(resource.get("code"), "urn:maillage:request"):
        answered = {
            "accepted": "acceptée",
            "completed": "appui terminé",
            "rejected": "refusée",
            "on-hold": "en attente d’une précision",
        }
        focus = str(resource.get("focus", {}).get("reference", ""))
        href = f"/demandes-d-appui/{focus.removeprefix('ServiceRequest/')}" if focus.startswith("ServiceRequest/") else ""
        return Told("", "social", "Demande d’appui", answered.get(resource.get("status", ""), ""), href=href)
    href = f"/taches/{resource['id']}" if tasks.is_planned(dict(resource)) else "/taches"
    return Told("", "social", f"Tâche : {title}", state.get(resource.get("status", ""), ""), href=href)


def _request(resource: Resource, patient: str) -> Told:
    state = {"draft": "demandée", "on-hold": "suspendue", "revoked": "arrêtée", "completed": "terminée"}.get(
        resource.get("status", ""), ""
    )
    by = next((str(one.get("display", "")) for one in resource.get("performer", [])), "")
    paid = next((str(one.get("display", "")) for one in resource.get("insurance", [])), "")
    how = str(resource.get("occurrenceTiming", {}).get("code", {}).get("text", "") or resource.get("patientInstruction", ""))
    return Told(
        "",
        "social",
        text(resource.get("code")) or "Demande",
        joined((how, by, paid, state)),
        href=f"/patients/{patient}/situation-de-vie",
    )


def _message(resource: Resource, patient: str) -> Told:
    said = next((str(one["contentString"]) for one in resource.get("payload", []) if "contentString" in one), "")
    subject = text(resource.get("topic"))
    said_as = codes(resource.get("category", []), "urn:maillage:communication")
    opinion = "opinion" in said_as
    lead = f"Avis : {subject}" if opinion else subject or "Message"
    href = f"/patients/{patient}/situation-de-vie#avis" if opinion else f"/patients/{patient}/messages"
    if "contact" in said_as:
        href = f"/patients/{patient}/contacts"
    return Told("", "social", lead, short(said), href=href)


def _team(resource: Resource, patient: str) -> Told:
    people = joined(str(one.get("member", {}).get("display", "")) for one in resource.get("participant", []))
    return Told("", "social", "Cercle de soins", short(people), href=f"/patients/{patient}/cercle")


def _appointment(resource: Resource, patient: str) -> Told:
    state = {"cancelled": "annulé", "noshow": "non honoré"}.get(resource.get("status", ""), "")
    with_whom = [str(one.get("actor", {}).get("display", "")) for one in resource.get("participant", [])
                 if not str(one.get("actor", {}).get("reference", "")).startswith("Patient/")]  # fmt: skip
    return Told("", "care", appointment_words(resource), joined((*with_whom, state)), at=str(resource.get("start", "")))


def appointment_words(resource: Resource) -> str:
    """What an appointment is for."""
    return str(resource.get("description") or next((text(one) for one in resource.get("serviceType", [])), "") or "Rendez-vous")


def _flag(resource: Resource, patient: str) -> Told:
    ended = resource.get("status") != "active"
    return Told("", "alert", text(resource.get("code")) or "Alerte", "levée" if ended else "", urgent=not ended)


def _relative(resource: Resource, patient: str) -> Told:
    called = next((str(one.get("value", "")) for one in resource.get("telecom", []) if one.get("system") == "phone"), "")
    said = resource.get("relationship", [])
    relation = joined(text(one) for one in [one for one in said if not relative.is_role(one)] or said)
    return Told(
        "", "social", name(resource) or "Proche", joined((relation, phone(called))), href=f"/patients/{patient}/situation-de-vie"
    )


def _right(resource: Resource, patient: str) -> Told:
    payer = next((str(one.get("display", "")) for one in resource.get("payor", [])), "")
    ended = "terminé" if resource.get("status") == "cancelled" else "demandé" if resource.get("status") == "draft" else ""
    detail = next((str(one.get("value", "")) for one in resource.get("class", [])), "")
    return Told(
        "",
        "social",
        text(resource.get("type")) or "Droit",
        joined((payer, detail, ended)),
        href=f"/patients/{patient}/situation-de-vie",
    )


def _answers(resource: Resource, patient: str) -> Told:
    if str(resource.get("questionnaire", "")).startswith("urn:maillage:questionnaire|home"):
        return Told("", "social", "Situation de vie", href=f"/patients/{patient}/situation-de-vie")
    items = resource.get("item", [])
    title = str(items[0].get("text", "")) if items else ""
    lead = {"in-progress": "Évaluation commencée", "amended": "Évaluation corrigée"}.get(
        str(resource.get("status", "")), "Évaluation"
    )
    href = f"/patients/{patient}/evaluations/{resource['id']}" if resource.get("questionnaire") else ""
    return Told("", "care", f"{lead} : {title}" if title else lead, joined(_meanings(items)), href=href)


def _meanings(items: Sequence[Resource]) -> Iterator[str]:
    """What the scores of a questionnaire of the library mean, as it says it (`<slug>.sens`)."""
    for one in items:
        if str(one.get("linkId", "")).endswith(".sens"):
            yield from (str(answer["valueString"]) for answer in one.get("answer", []) if "valueString" in answer)
        yield from _meanings(one.get("item", []))


def _person(resource: Resource, patient: str) -> Told:
    return Told("", "plain", "Identité et coordonnées", name(resource))


LABELS = {
    "Immunization": "Vaccination", "Procedure": "Acte", "ClinicalImpression": "Avis clinique", "Media": "Photo", "DiagnosticReport": "Résultat",
    "EpisodeOfCare": "Suivi par la coordination", "NutritionOrder": "Régime", "DeviceUseStatement": "Matériel", "RiskAssessment": "Évaluation du risque",
}  # fmt: skip


def _other(resource: Resource, patient: str) -> Told:
    label = LABELS.get(str(resource["resourceType"]), str(resource["resourceType"]))
    said = (
        text(resource.get("vaccineCode"))
        or text(resource.get("code"))
        or str(resource.get("summary") or resource.get("description") or "")
    )
    kind: Kind = "social" if resource["resourceType"] == "EpisodeOfCare" else "care"
    return Told("", kind, f"{label} : {said}" if said else label, notes(resource))


_BY_TYPE: dict[str, Callable[[Resource, str], Told]] = {
    "DocumentReference": _document, "Encounter": _stay, "Observation": _observation, "MedicationStatement": _treatment,
    "MedicationRequest": _treatment, "Condition": _problem, "AllergyIntolerance": _allergy, "CarePlan": _plan, "Goal": _goal, "Task": _task,
    "ServiceRequest": _request, "Communication": _message, "CareTeam": _team, "Appointment": _appointment, "Flag": _flag,
    "RelatedPerson": _relative, "Coverage": _right, "QuestionnaireResponse": _answers, "Patient": _person,
}  # fmt: skip
