"""A clinical document's FHIR record: DocumentReference in the shape of PDSm 3.1 / IHE MHD 4.2 (comprehensive metadata)."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from maillage.fhir.change import Change, Resource, Verb
from maillage.services.documents.resources import coding
from maillage.services.documents.resources.cda import EmbeddedFile
from maillage.services.documents.resources.coding import concept
from maillage.services.documents.resources.header import (
    INS_ROOTS,
    Address,
    Agent,
    Code,
    Header,
    InstanceId,
    Organization,
    Subject,
)
from maillage.services.identity.public import systems

PROFILE = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-document-reference"
SHA256 = "urn:oid:2.16.840.1.101.3.4.2.1"
"""The algorithm's own OID (NIST) as the system of the identifier that holds the digest of the original bytes."""

RECIPIENT = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-intended-recipient"
IHE_FORMAT = f"{coding.NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode"
CDA_MEDIA_TYPE = "text/xml"

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
INS_TYPES = {"8": "INS-NIR", "9": "INS-NIA", "10": "INS-NIR-TEST", "11": "INS-NIR-DEMO"}
GENDERS = {"M": "male", "F": "female", "U": "unknown", "UN": "unknown"}
"""Of JDV_J143, where « UN » is « Inconnu »."""

LEVEL_1_FORMATS = {
    "application/pdf": Code("urn:ihe:iti:xds-sd:pdf:2008", IHE_FORMAT, "Document à corps non structuré en Pdf/A-1"),
    "text/plain": Code("urn:ihe:iti:xds-sd:text:2008", IHE_FORMAT, "Document à corps non structuré en texte"),
}

VISIBILITY_DISPLAYS = {
    "MASQUE_PS": "Masqué aux professionnels de santé",
    "INVISIBLE_PATIENT": "Non visible par le patient",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "Non visible par les représentants légaux du patient",
}


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes as received: what a reader needs to find and check them."""

    size: int
    sha1: str
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "Original":
        """`sha1` is base64 as FHIR's Attachment.hash asks; `sha256` is hexadecimal as the file store names it."""
        sha1 = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
        return cls(len(content), sha1, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class Links:
    """What the platform knows about what the document names.

    `patient` is "Patient/…"; `known` maps the XDS text of an identifier to "Practitioner/…" or "Organization/…";
    `replaced` maps the XDS text of a replaced document to its "DocumentReference/…".
    """

    patient: str
    known: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)


def document_reference(
    header: Header,
    original: Original,
    links: Links,
    *,
    id: str,
    received: str,
    body_type: str | None,
    visibility: Sequence[str] = (),
) -> Resource:
    """The record of one document.

    `received` is the instant it came (FHIR instant), `body_type` the media type of a level 1 body or None, `visibility` codes of TRE_A07.
    """
    contained = _Contained(links)
    resource: Resource = {
        "resourceType": "DocumentReference",
        "id": id,
        "meta": {"profile": [PROFILE]},
        "masterIdentifier": identifier(header.id),
        "identifier": _identifiers(header, original, id),
        "status": "current",
        "type": concept(header.type),
        "subject": {"reference": links.patient},
        "date": received,
        "author": [reference for author in header.authors for reference in contained.author(author)],
        "custodian": contained.organization(header.custodian, "custodian"),
        "description": header.title,
        "securityLabel": security_labels(header.confidentiality, visibility),
        "content": [{"attachment": _attachment(header, original, id), "format": coding.coding(_format(header, body_type))}],
        "context": _context(header, contained),
    }
    if document_class := coding.CLASSES.get(header.type.code):
        resource["category"] = [concept(document_class)]
    if header.legal_authenticator:
        resource["authenticator"] = contained.signatory(header.legal_authenticator)
    if header.replaces:
        resource["relatesTo"] = [_replaces(parent, links) for parent in header.replaces]
    if header.recipients:
        resource["extension"] = [_recipient(recipient) for recipient in header.recipients]
    resource["contained"] = contained.resources
    return resource


def identifier(id: InstanceId) -> Resource:
    """A FHIR Identifier: a bare root is a URI (`urn:oid:…`), an extension a value in the root's system."""
    return {"system": id.system, "value": id.value}


def security_labels(confidentiality: Code, visibility: Sequence[str]) -> list[Resource]:
    """The confidentiality of the header first, then who may not see the document (JDV_J08)."""
    return [concept(confidentiality), *map(_hidden, visibility)]


def hidden_from(resource: Resource) -> tuple[str, ...]:
    """Codes of TRE_A07: from whom the record hides the document."""
    codings = (c for label in resource.get("securityLabel", []) for c in label.get("coding", []))
    return tuple(c["code"] for c in codings if c.get("system") == coding.VISIBILITY and "code" in c)


def shown_to(resource: Resource, visibility: Sequence[str]) -> Resource:
    """The record with these codes of TRE_A07 instead of those it had."""
    others = [label for label in resource.get("securityLabel", []) if not hidden_from({"securityLabel": [label]})]
    labels = [*others, *map(_hidden, visibility)]
    return {
        **{name: value for name, value in resource.items() if name != "securityLabel"},
        **({"securityLabel": labels} if labels else {}),
    }


def _hidden(code: str) -> Resource:
    return concept(Code(code, coding.VISIBILITY, VISIBILITY_DISPLAYS[code]))


def changes(record: Resource, old: Sequence[Resource]) -> list[Change]:
    """The new record and the records it makes old, each against the version that was read."""
    return [Change(Verb.CREATE, record), *updates(old)]


def updates(records: Sequence[Resource]) -> list[Change]:
    """Changes of records that were read, each against its version."""
    return [Change(Verb.UPDATE, one, int(one["meta"]["versionId"])) for one in records]


def merged(sent: Resource, record: Resource) -> Resource:
    """What a client sent with a CDA, under its id where it gave one, completed and corrected by what the document says."""
    kept = {name: value for name, value in sent.items() if name not in record}
    result = {**kept, **record, "id": sent.get("id", record["id"])}
    result["identifier"] = [
        *record["identifier"],
        *(one for one in sent.get("identifier", []) if one not in record["identifier"]),
    ]
    if "category" in sent:
        result["category"] = sent["category"]
    return result


def replaced_ids(resource: Resource) -> tuple[InstanceId, ...]:
    """The documents a record says it replaces, where it names them by their unique ids."""
    targets = (r.get("target", {}).get("identifier", {}) for r in resource.get("relatesTo", []) if r.get("code") == "replaces")
    return tuple(id for target in targets if (id := _instance(target)))


def _instance(target: Resource) -> InstanceId | None:
    system, value = target.get("system", ""), target.get("value", "")
    if system == "urn:ietf:rfc:3986" and value.startswith(("urn:oid:", "urn:uuid:")):
        return InstanceId(value.removeprefix("urn:oid:").removeprefix("urn:uuid:"))
    return InstanceId(system.removeprefix("urn:oid:"), value) if system.startswith("urn:oid:") and value else None


def superseded(resource: Resource) -> Resource:
    """The record once another document replaced it."""
    return {**resource, "status": "superseded"}


def deleted(resource: Resource) -> Resource:
    """The record once its author withdrew it: kept, no longer shown."""
    return {**resource, "status": "entered-in-error"}


def patient_of(resource: Resource) -> Resource:
    """The patient as the document named them when it was made."""
    held: list[Resource] = resource.get("contained", [])
    return next((one for one in held if one.get("resourceType") == "Patient"), {"resourceType": "Patient"})


def digest_of(resource: Resource) -> str | None:
    """SHA-256 of the original bytes in hexadecimal, or None for a record that did not come as a CDA."""
    identifiers: list[Resource] = resource.get("identifier", [])
    return next((one.get("value") for one in identifiers if one.get("system") == SHA256), None)


def inline_file(resource: Resource) -> EmbeddedFile | None:
    """The file that the attachment of a document which is no CDA holds in itself, or None."""
    contents: list[Resource] = resource.get("content", [])
    held = next((c["attachment"] for c in contents if c.get("attachment", {}).get("data")), None)
    return EmbeddedFile(held.get("contentType", "").partition(";")[0], base64.b64decode(held["data"])) if held else None


def first_of(references: Sequence[Resource], kind: str) -> str | None:
    """The first of these that is in our directory, such as "Practitioner/…"."""
    return next((one["reference"] for one in references if one.get("reference", "").startswith(kind)), None)


def recipients_of(resource: Resource) -> tuple[str, ...]:
    """National identifiers of those the document names as its recipients."""
    extensions: list[Resource] = resource.get("extension", [])
    named = (e["valueReference"].get("identifier", {}) for e in extensions if e.get("url") == RECIPIENT)
    return tuple(one["value"] for one in named if one.get("value") and one.get("system") != "urn:ietf:rfc:3986")


def carries_ins(resource: Resource) -> bool:
    """Whether the document names its patient by an INS."""
    return any(one.get("system", "").removeprefix("urn:oid:") in INS_ROOTS for one in patient_of(resource).get("identifier", []))


def _identifiers(header: Header, original: Original, id: str) -> list[Resource]:
    entry: Resource = {"use": "official", "system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{id}", "type": {"text": "entryUUID"}}
    digest = {"use": "secondary", "system": SHA256, "value": original.sha256, "type": {"text": "SHA-256"}}
    series = [{"use": "usual", "type": {"text": "setId"}, **identifier(header.set_id)}] if header.set_id else []
    return [*([entry] if _UUID.fullmatch(id) else []), digest, *series]


def _attachment(header: Header, original: Original, id: str) -> Resource:
    return {
        "contentType": CDA_MEDIA_TYPE,
        "language": header.language,
        "url": f"Binary/{id}",
        "size": original.size,
        "hash": original.sha1,
        "title": header.title,
        "creation": header.created,
    }


def _format(header: Header, body_type: str | None) -> Code:
    """Level 1: the IHE format of the body's media type. Level 3: the document's own model, its last template, as an HL7 URI."""
    if body_type is not None:
        return LEVEL_1_FORMATS.get(body_type, Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", IHE_FORMAT))
    model = next((t for t in reversed(header.templates) if t.extension), header.templates[-1] if header.templates else None)
    if model is None:
        return Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", IHE_FORMAT)
    return Code(f"urn:hl7ii:{model.root}:{model.extension}" if model.extension else f"urn:oid:{model.root}", "urn:ietf:rfc:3986")


def _context(header: Header, contained: "_Contained") -> Resource:
    period = {name: value for name, value in (("start", header.period.start), ("end", header.period.end)) if value}
    context: Resource = {"period": period, "sourcePatientInfo": contained.patient(header.subject)}
    if events := [concept(event.code) for event in header.events if event.code]:
        context["event"] = events
    if header.encounter and header.encounter.facility_type:
        context["facilityType"] = concept(header.encounter.facility_type)
    if header.practice_setting:
        context["practiceSetting"] = concept(header.practice_setting)
    if header.encounter and header.encounter.id:
        context["encounter"] = [{"type": "Encounter", "identifier": identifier(header.encounter.id)}]
    if header.orders:
        context["related"] = [{"identifier": identifier(order)} for order in header.orders]
    return context


def _replaces(parent: InstanceId, links: Links) -> Resource:
    target: Resource = {"type": "DocumentReference", "identifier": identifier(parent)}
    if known := links.replaced.get(parent.text):
        target["reference"] = known
    return {"code": "replaces", "target": target}


def _recipient(agent: Agent) -> Resource:
    target = agent.id or (agent.organization.id if agent.organization else None)
    value: Resource = {"display": agent.text}
    if target:
        value["identifier"] = identifier(target)
    return {"url": RECIPIENT, "valueReference": value}


class _Contained:
    """The resources the record holds within itself, as the document described them when it was made."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self.resources: list[Resource] = []
        self._authors = 0

    def author(self, agent: Agent) -> list[Resource]:
        """The author as described, then the same person in our directory: what rights and searches follow."""
        self._authors += 1
        name = f"author-{self._authors}"
        described = self._device(agent, name) if agent.device and not agent.name else self._role(agent, name)
        known = self._links.known.get(agent.id.text) if agent.id else None
        return [described, {"reference": known, "display": agent.text}] if known else [described]

    def signatory(self, agent: Agent) -> Resource:
        return self._role(agent, "authenticator")

    def organization(self, organization: Organization, name: str) -> Resource:
        known = self._links.known.get(organization.id.text) if organization.id else None
        if known:
            return {"reference": known, "display": organization.name} if organization.name else {"reference": known}
        if organization.id is None:
            return {"type": "Organization", "display": organization.name or "Structure non précisée"}
        held = {
            "resourceType": "Organization",
            "id": name,
            "identifier": [identifier(organization.id)],
            "name": organization.name,
        }
        return self._hold(_without_empty(held), organization.name)

    def patient(self, subject: Subject) -> Resource:
        return self._hold(source_patient(subject), "")

    def _device(self, agent: Agent, name: str) -> Resource:
        device: Resource = {"resourceType": "Device", "id": name, "deviceName": [{"name": agent.device, "type": "model-name"}]}
        if agent.id:
            device["identifier"] = [identifier(agent.id)]
        if agent.organization:
            device["owner"] = _organization_reference(agent.organization)
        return self._hold(device, agent.text)

    def _role(self, agent: Agent, name: str) -> Resource:
        role: Resource = {"resourceType": "PractitionerRole", "id": name}
        if agent.id or agent.name:
            role["practitioner"] = _person_reference(agent)
        if agent.organization:
            role["organization"] = _organization_reference(agent.organization)
        if agent.specialty:
            role["specialty"] = [concept(agent.specialty)]
        return self._hold(role, agent.text)

    def _hold(self, resource: Resource, display: str) -> Resource:
        self.resources.append(resource)
        reference = {"reference": f"#{resource['id']}"}
        return {**reference, "display": display} if display else reference


def source_patient(subject: Subject) -> Resource:
    """The patient as the document names them (fr-core names: birth name with all given names, used name apart)."""
    patient: Resource = {"resourceType": "Patient", "id": "patient", "identifier": _patient_identifiers(subject)}
    birth: Resource = {
        "use": "official",
        "family": subject.birth_family,
        "given": [subject.first_given or subject.birth_given_list],
    }
    birth["extension"] = [{"url": systems.BIRTH_GIVEN_NAMES_EXTENSION, "valueString": subject.birth_given_list}]
    patient["name"] = [_without_empty(birth)] if subject.birth_family else []
    if subject.used_family:
        patient["name"].append(
            _without_empty({"use": "usual", "family": subject.used_family, "given": [subject.used_given or subject.first_given]})
        )
    patient["gender"] = GENDERS.get(subject.sex)
    patient["birthDate"] = subject.birth_date
    patient["address"] = [_address(subject.address)] if subject.address != Address() else []
    if subject.birthplace:
        insee = {"url": systems.INSEE_CODE_EXTENSION, "valueCoding": {"system": systems.COMMUNES, "code": subject.birthplace}}
        patient["extension"] = [{"url": systems.BIRTH_PLACE_EXTENSION, "valueAddress": {"extension": [insee]}}]
    return _without_empty(patient)


def _patient_identifiers(subject: Subject) -> list[Resource]:
    own = [identifier(one) for one in subject.identifiers]
    if subject.ins is None:
        return own
    type_code = INS_TYPES[subject.ins.root.rpartition(".")[2]]
    official = {
        "use": "official",
        "type": {"coding": [{"system": systems.IDENTIFIER_TYPES, "code": type_code}]},
        **identifier(subject.ins),
    }
    return [official, *own]


def _address(address: Address) -> Resource:
    parts = {"line": list(address.lines), "postalCode": address.postal_code, "city": address.city, "country": address.country}
    return _without_empty(parts)


def _person_reference(agent: Agent) -> Resource:
    reference: Resource = {"type": "Practitioner"}
    if agent.id:
        reference["identifier"] = identifier(agent.id)
    if agent.name:
        reference["display"] = agent.name.text
    return reference


def _organization_reference(organization: Organization) -> Resource:
    reference: Resource = {"type": "Organization"}
    if organization.id:
        reference["identifier"] = identifier(organization.id)
    if organization.name:
        reference["display"] = organization.name
    return reference


def _without_empty(resource: Resource) -> Resource:
    """FHIR has no empty strings, arrays or nulls."""
    return {name: value for name, value in resource.items() if value not in ("", None, [], [""])}
