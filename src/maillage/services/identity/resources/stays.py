"""PV1, ZBE, ZFM and ZFA of HL7 v2 (IHE PAM France 2.11) → FHIR Encounter and Consent. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maillage.services.exchange.public import Message, Segment
from maillage.services.identity.resources import systems
from maillage.services.identity.resources.messages import instant, value

Resource = dict[str, Any]

STAYS = uuid.UUID("6d5c0f0e-3e0b-5f0a-8f35-2c0f0f7d1b3a")
"""Names from which the ids of Encounter and Consent are made: the same visit is the same resource, however often it is told."""

ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CLASSES = {"I": "IMP", "E": "EMER", "O": "AMB", "P": "PRENC", "R": "AMB", "B": "IMP", "N": "AMB", "C": "AMB"}
STATUS_AFTER = {"A01": "in-progress", "A04": "in-progress", "A05": "planned", "A03": "finished"}
NOT_HOME = frozenset({"0", "6", "7", "9"})
"""ZFM-2, French mode of exit: transfers (0, 7), change of unit (6), death (9); 8 is home."""

CONSENT_CATEGORIES = "urn:maillage:dmp-consent"
FEEDING = {"INO": "permit", "IO": "deny"}
READING = {"IC": "permit", "INC": "deny"}


@dataclass(frozen=True, slots=True)
class Visit:
    """The facts of a stay in a message. Times are FHIR instants, empty when not said; `status` is empty for an update (Z99)."""

    system: str
    number: str
    encounter_class: str
    status: str
    start: str
    end: str
    exit_mode: str

    @property
    def id(self) -> str:
        return str(uuid.uuid5(STAYS, f"Encounter|{self.system}|{self.number}"))


def visit_in(message: Message) -> Visit | None:
    """The stay a message speaks of, or None when it has no PV1 or no number for the stay (PV1-19, else PID-18)."""
    pv1, pid = message.segment("PV1"), message.segment("PID")
    if pv1 is None or pid is None:
        return None
    segment, number = (pv1, 19) if value(pv1, "19.1") else (pid, 18)
    if not value(segment, f"{number}.1"):
        return None
    zbe, zfm = message.segment("ZBE"), message.segment("ZFM")
    moved = instant(value(zbe, "2"), "ZBE-2") if zbe else ""
    status = STATUS_AFTER.get(message.value("MSH-9.2"), "")
    start = instant(value(pv1, "44"), "PV1-44")
    end = instant(value(pv1, "45"), "PV1-45")
    return Visit(
        system=_visit_system(segment, number),
        number=value(segment, f"{number}.1"),
        encounter_class=CLASSES.get(value(pv1, "2"), "AMB"),
        status=status,
        start=start or (moved if status in ("in-progress", "planned") else ""),
        end=end or (moved if status == "finished" else ""),
        exit_mode=(value(zfm, "2") if zfm else "") or value(pv1, "36"),
    )


def encounter_after(visit: Visit, *, patient: str, organization: str | None, before: Mapping[str, Any] | None) -> Resource:
    """The Encounter once the message is applied to what was known of the stay (None: nothing)."""
    held = dict(before or {})
    finished = held.get("status") == "finished"
    period = {**held.get("period", {})}
    if visit.start:
        period["start"] = visit.start
    if visit.end:
        period["end"] = visit.end
    coding = {"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-identifier-type", "code": "VN"}
    encounter: Resource = {
        **held,
        "resourceType": "Encounter",
        "id": visit.id,
        "identifier": [{"type": {"coding": [coding]}, "system": visit.system, "value": visit.number}],
        "status": "finished" if finished else visit.status or held.get("status") or "in-progress",
        "class": {"system": ACT_CODES, "code": visit.encounter_class},
        "subject": {"reference": f"Patient/{patient}"},
    }
    if period:
        encounter["period"] = period
    if organization:
        encounter["serviceProvider"] = {"reference": organization}
    if visit.exit_mode:
        disposition = {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/discharge-disposition", "code": _disposition(visit)}]
        }
        encounter["hospitalization"] = {**held.get("hospitalization", {}), "dischargeDisposition": disposition}
    return encounter


def goes_home(visit: Visit) -> bool:
    """True when the end of this stay is a return home: an inpatient stay that ends neither in a transfer nor in death."""
    return visit.encounter_class == "IMP" and visit.exit_mode not in NOT_HOME


def consents_in(message: Message, *, patient: str) -> list[Resource]:
    """The consents of ZFA: feeding the DMP (ZFA-9, 10) and reading it (ZFA-11, 12). What was not asked (NA) says nothing."""
    zfa = message.segment("ZFA")
    if zfa is None:
        return []
    said = [
        ("feeding", FEEDING.get(value(zfa, "9")), instant(value(zfa, "10"), "ZFA-10")),
        ("reading", READING.get(value(zfa, "11")), instant(value(zfa, "12"), "ZFA-12")),
    ]
    return [_consent(about, provision, at, patient) for about, provision, at in said if provision]


def _consent(about: str, provision: str, at: str, patient: str) -> Resource:
    labels = {"feeding": "Alimentation du DMP", "reading": "Consultation du DMP"}
    consent: Resource = {
        "resourceType": "Consent",
        "id": str(uuid.uuid5(STAYS, f"Consent|{about}|{patient}")),
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": CONSENT_CATEGORIES, "code": about, "display": labels[about]}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"coding": [{"system": ACT_CODES, "code": "OPTOUT"}]},
        "provision": {"type": provision},
    }
    return consent | ({"dateTime": at} if at else {})


def _visit_system(segment: Segment, number: int) -> str:
    name, authority, kind = (value(segment, f"{number}.4.{part}") for part in (1, 2, 3))
    if kind == "ISO" or authority.count(".") > 2:
        return f"urn:oid:{authority}"
    return f"{systems.facility_system(authority or name)}:visit"


def _disposition(visit: Visit) -> str:
    return {"8": "home", "9": "exp", "0": "other-hcf", "6": "other-hcf", "7": "other-hcf"}.get(visit.exit_mode, "oth")
