"""A line of the trail as FHIR tells it: an AuditEvent of IHE's Basic Audit Log Patterns (BALP, https://profiles.ihe.net/ITI/BALP)."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from maillage.access.audit import DOORS, software_of
from maillage.fhir import definitions, json
from maillage.fhir.change import Operation, Stored, instant

Resource = dict[str, Any]

PROFILES = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
PARTICIPATION = f"{TERMINOLOGY}v3-ParticipationType"
SOURCE, DESTINATION, APPLICATION = ("110153", "Source Role ID"), ("110152", "Destination Role ID"), ("110150", "Application")
US = {"display": "Maillage"}
SOURCE_OF_ALL = {
    "site": "Maillage",
    "observer": US,
    "type": [{"system": f"{TERMINOLOGY}security-source-type", "code": "4", "display": "Application Server"}],
}

SUBTYPES = {"C": "create", "R": "read", "U": "update", "D": "delete", "E": "search-type"}
_NAMES = {"C": "Create", "R": "Read", "U": "Update", "D": "Delete", "E": "Query"}
_MACHINES = ("system", "job")
EXPORT = "export"
"""What the query of a line begins with that tells of records taken out of the platform: a disclosure."""


def event_id(line: Mapping[str, Any]) -> str:
    """The id of the AuditEvent of a line: its place in the trail."""
    return f"{line['chain']}-{line['batch']}-{line['place']}"


def as_stored(line: Mapping[str, Any], names: Mapping[UUID, str]) -> Stored:
    """The AuditEvent as a read or a search answers it; `names` gives the ids of Patients by their keys, where they are known."""
    event = audit_event(line, names)
    return Stored("AuditEvent", event["id"], 1, line["at"], None, Operation.CREATE, json.dumps(event))


def audit_event(line: Mapping[str, Any], names: Mapping[UUID, str]) -> Resource:
    """The AuditEvent of a row of `audit`. What succeeded names the profile that it follows; of several persons, that of no person."""
    disclosed = bool(line["query"]) and line["action"] in "RE" and line["query"].startswith(EXPORT)
    if line["type"] in DOORS:
        return _at_the_door(line, names)
    return {
        "resourceType": "AuditEvent",
        "id": event_id(line),
        "meta": {"versionId": "1", "lastUpdated": instant(line["at"])} | _profile(line, disclosed=disclosed),
        "type": _coding(DICOM, "110106", "Export")
        if disclosed
        else _coding(f"{TERMINOLOGY}audit-event-type", "rest", "RESTful Operation"),
        "subtype": list(_subtypes(line, disclosed=disclosed)),
        "action": "R" if disclosed else line["action"],
        "recorded": instant(line["at"]),
        "outcome": line["outcome"],
        "purposeOfEvent": [_purpose(line)],
        "agent": list(_agents(line)),
        "source": SOURCE_OF_ALL,
        "entity": [*_patients(line["patients"], names), _object(line)],
    }


def _at_the_door(line: Mapping[str, Any], names: Mapping[UUID, str]) -> Resource:
    """Who came in or went out: DICOM's user authentication."""
    code = ("110122", "Login") if line["type"] == "sign-in" else ("110123", "Logout")
    people = list(_patients(line["patients"], names))
    return {
        "resourceType": "AuditEvent",
        "id": event_id(line),
        "meta": {"versionId": "1", "lastUpdated": instant(line["at"])},
        "type": _coding(DICOM, "110114", "User Authentication"),
        "subtype": [_coding(DICOM, *code)],
        "action": line["action"],
        "recorded": instant(line["at"]),
        "outcome": line["outcome"],
        "agent": list(_agents(line)),
        "source": SOURCE_OF_ALL,
    } | ({"entity": people} if people else {})


def _profile(line: Mapping[str, Any], *, disclosed: bool) -> Resource:
    if line["outcome"] != "0" or (disclosed and len(line["patients"]) != 1):
        return {}
    name = "PrivacyDisclosure.Source" if disclosed else ("Patient" if len(line["patients"]) == 1 else "") + _NAMES[line["action"]]
    return {"profile": [PROFILES + name]}


def _subtypes(line: Mapping[str, Any], *, disclosed: bool) -> Iterator[Resource]:
    if disclosed:
        yield _coding(f"{TERMINOLOGY}iso-21089-lifecycle", "disclose", "Disclose Record Lifecycle Event")
    yield {"system": INTERACTION, "code": SUBTYPES[line["action"]]}
    if (line["query"] or "").startswith("$"):
        yield {"system": INTERACTION, "code": "operation"}


def _agents(line: Mapping[str, Any]) -> Iterator[Resource]:
    """The client and the server, who asked by that client, and for whom they acted."""
    machine = line["kind"] in _MACHINES
    client, server = _ends(line)
    door, software = line["door"].partition(" ")[0], software_of(line["door"])
    network = {"address": line["origin"], "type": "2"} if line["origin"] else {"address": door, "type": "1"}
    said = (
        _person(line)
        if machine
        else {"who": _software(software) if software else {"display": f"Maillage ({door})"}, "requestor": False}
    )
    yield {"type": client, **said, "network": network}
    yield {"type": server, "who": US, "requestor": False, "network": {"address": "maillage", "type": "1"}}
    if not machine:
        yield {"type": _concept(PARTICIPATION, *_part(line)), **_person(line)}
    for organization in line["organizations"]:
        yield {
            "type": _concept(f"{TERMINOLOGY}v3-RoleClass", "PROV", "healthcare provider"),
            "who": {"reference": organization},
            "requestor": False,
        }


def _software(id: str) -> Resource:
    """A registered software, by its client id: no resource of the store stands for it."""
    return {"type": "Device", "identifier": {"value": id}, "display": f"Software {id}"}


def _ends(line: Mapping[str, Any]) -> tuple[Resource, Resource]:
    """The types of client and server: data flow to who reads; a query flows to who is asked (as IHE has it)."""
    if line["action"] == "R":
        return _concept(DICOM, *DESTINATION), _concept(DICOM, *SOURCE)
    if line["action"] == "D":
        custodian = _concept(f"{TERMINOLOGY}provenance-participant-type", "custodian", "Custodian")
        return _concept(DICOM, *APPLICATION), custodian
    return _concept(DICOM, *SOURCE), _concept(DICOM, *DESTINATION)


def _part(line: Mapping[str, Any]) -> tuple[str, str]:
    return ("IRCP", "information recipient") if line["action"] in "RE" else ("AUT", "author (originator)")


def _person(line: Mapping[str, Any]) -> Resource:
    who = {"reference": line["reference"]} if line["reference"] else {"identifier": {"value": line["actor"]}}
    return {
        "role": [{"text": role} for role in line["roles"]],
        "who": who | {"display": line["name"]},
        "altId": line["actor"],
        "name": line["name"],
        "requestor": True,
        "purposeOfUse": [_purpose(line)],
    }


def _purpose(line: Mapping[str, Any]) -> Resource:
    return {"coding": [{"system": f"{TERMINOLOGY}v3-ActReason", "code": line["purpose"]}]}


def _patients(keys: Sequence[UUID], names: Mapping[UUID, str]) -> Iterator[Resource]:
    for key in keys:
        what = (
            {"reference": f"Patient/{names[key]}"}
            if key in names
            else {"type": "Patient", "identifier": {"value": f"urn:uuid:{key}"}}
        )
        yield _entity("1", "Person", ("1", "Patient"), {"what": what})


def _object(line: Mapping[str, Any]) -> Resource:
    """What was asked for (base64, as IHE has it) by a search, else what it was done to."""
    if line["action"] == "E":
        asked = f"{line['type']}?{line['query'] or ''}"
        return _entity("2", "System Object", ("24", "Query"), {"query": b64encode(asked.encode()).decode(), "description": asked})
    known = line["type"] in definitions.resource_types()
    what = {"reference": f"{line['type']}/{line['id']}"} if known and line["id"] else {"display": line["type"]}
    said = {"description": line["query"]} if line["query"] else {}
    return _entity("2", "System Object", ("4", "Domain Resource"), {"what": what} | said)


def _entity(type: str, type_name: str, role: tuple[str, str], more: Resource) -> Resource:
    return {
        "type": _coding(f"{TERMINOLOGY}audit-entity-type", type, type_name),
        "role": _coding(f"{TERMINOLOGY}object-role", *role),
        **more,
    }


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [_coding(system, code, display)]}


def _coding(system: str, code: str, display: str) -> Resource:
    return {"system": system, "code": code, "display": display}


def seen_by_the_person(line: Mapping[str, Any], own: Iterable[UUID], reference: str | None) -> dict[str, Any]:
    """The line as the person (or their carer) may read it: nobody else's record, no other person by name, and no id of what may be hidden from them.

    `own` are the keys of their record; `reference` is who reads.
    """
    mine = frozenset(own)
    told = dict(line) | {"patients": [key for key in line["patients"] if key in mine], "id": None}
    if len(told["patients"]) < len(line["patients"]):
        told["query"] = None
    if line["kind"] == "patient" and line["reference"] != reference:
        told |= {"actor": "", "name": "Une autre personne suivie", "reference": None}
    return told
