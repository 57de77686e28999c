"""CDA R2 documents: the header as values, the body as found (HL7 CDA R2, CI-SIS Structuration minimale)."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from maillage.errors import Invalid, Issue
from maillage.services.documents.resources import markup
from maillage.services.documents.resources.header import (
    INS_ROOTS,
    Address,
    Agent,
    Code,
    Encounter,
    Header,
    InstanceId,
    Organization,
    Period,
    PersonName,
    ServiceEvent,
    Subject,
)
from maillage.services.documents.resources.markup import plain
from maillage.services.documents.resources.moments import day_of, moment

NS = {"h": markup.HL7}
NORMAL = Code("N", "2.16.840.1.113883.5.25", "Normal")
DEFAULT_LANGUAGE = "fr-FR"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ClinicalDocument:
    """A document that was read: its header as values and its XML."""

    header: Header
    element: etree._Element = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file carried inside the document: the body of a level 1 document, or an observationMedia of a level 3 one."""

    media_type: str
    data: bytes = field(repr=False)


def parse(content: bytes) -> ClinicalDocument:
    """Read a document received as bytes.

    Raises Invalid with the path of the fault: unreadable or unsafe XML, a mandatory header element missing, more than one patient.
    """
    element = markup.clinical_document(content)
    return ClinicalDocument(header_of(element), element)


def header_of(root: etree._Element) -> Header:
    """The header of a ClinicalDocument element."""
    type_code = _required(_code(root.find("h:code", NS)), "code")
    return Header(
        id=_required(_id(root.find("h:id", NS)), "id"),
        type=type_code,
        title=plain(root.find("h:title", NS)) or type_code.display or type_code.code,
        created=_required(_time(root, "h:effectiveTime"), "effectiveTime"),
        confidentiality=_code(root.find("h:confidentialityCode", NS)) or NORMAL,
        language=_attribute(root.find("h:languageCode", NS), "code") or DEFAULT_LANGUAGE,
        subject=_subject(root),
        authors=_required(tuple(_author(e) for e in root.findall("h:author", NS)), "author"),
        custodian=_required(
            _organization(root.find("h:custodian/h:assignedCustodian/h:representedCustodianOrganization", NS)), "custodian"
        ),
        set_id=_id(root.find("h:setId", NS)),
        version=_version(root),
        templates=_ids(root, "h:templateId"),
        legal_authenticator=_signatory(root.find("h:legalAuthenticator", NS)),
        recipients=tuple(_recipient(e) for e in root.findall("h:informationRecipient/h:intendedRecipient", NS)),
        events=tuple(_event(e) for e in root.findall("h:documentationOf/h:serviceEvent", NS)),
        orders=_ids(root, "h:inFulfillmentOf/h:order/h:id"),
        replaces=_ids(root, "h:relatedDocument[@typeCode='RPLC']/h:parentDocument/h:id"),
        encounter=_encounter(root.find("h:componentOf/h:encompassingEncounter", NS)),
    )


BODY = "component/nonXMLBody/text"


def non_xml_body(document: ClinicalDocument) -> EmbeddedFile | None:
    """The file that is the whole body of a level 1 document, or None when the body is structured."""
    text = document.element.find("h:component/h:nonXMLBody/h:text", NS)
    return None if text is None else _file(text, BODY)


def files(document: ClinicalDocument) -> list[tuple[str, EmbeddedFile]]:
    """Every file that a document carries, with its place: its body (`BODY`), then its images."""
    body = non_xml_body(document)
    images = [(f"observationMedia[{name}]/value", media_file(value)) for name, value in media(document)]
    return [*([(BODY, body)] if body else []), *images]


def sections(document: ClinicalDocument) -> list[etree._Element]:
    """The top sections of a structured body, in order; empty for a level 1 document."""
    return document.element.findall("h:component/h:structuredBody/h:component/h:section", NS)


def media(document: ClinicalDocument) -> list[tuple[str, etree._Element]]:
    """The files that entries of a structured body carry: (ID in the document, value element), in document order."""
    found = document.element.iterfind(".//h:observationMedia", NS)
    values = ((e.get("ID") or "", e.find("h:value", NS)) for e in found)
    return [(name, value) for name, value in values if value is not None]


def media_file(value: etree._Element) -> EmbeddedFile:
    """The bytes of one observationMedia value. Raises Invalid when its base64 is broken."""
    return _file(value, "observationMedia/value")


def _file(element: etree._Element, path: str) -> EmbeddedFile:
    media_type = (element.get("mediaType") or "text/plain").partition(";")[0].strip().lower()
    text = "".join(map(str, element.itertext()))
    if element.get("representation") != "B64":
        return EmbeddedFile(media_type, text.strip().encode())
    try:
        return EmbeddedFile(media_type, base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError) as error:
        text = f"the base64 of the {media_type} content cannot be decoded"
        raise _invalid(path, text, f"le base64 du contenu {media_type} ne peut pas être décodé") from error


def _subject(root: etree._Element) -> Subject:
    targets = root.findall("h:recordTarget/h:patientRole", NS)
    if len(targets) != 1:
        text = f"a document is about exactly one patient, {len(targets)} found"
        raise _invalid("recordTarget", text, f"un document concerne une seule personne, {len(targets)} trouvée(s)")
    role = targets[0]
    identifiers = _ids(role, "h:id")
    patient = _required(role.find("h:patient", NS), "recordTarget/patientRole/patient")
    birth = _attribute(patient.find("h:birthTime", NS), "value")
    place = patient.find("h:birthplace/h:place/h:addr", NS)
    return Subject(
        ins=next((i for i in identifiers if i.root in INS_ROOTS and i.extension), None),
        identifiers=tuple(i for i in identifiers if i.root not in INS_ROOTS),
        birth_family=_name_part(patient, "family", "BR") or _name_part(patient, "family", None),
        birth_given_list=_name_part(patient, "given", None) or _name_part(patient, "given", "BR"),
        first_given=_name_part(patient, "given", "BR") or _name_part(patient, "given", None),
        used_family=_name_part(patient, "family", "CL") or _name_part(patient, "family", "SP"),
        used_given=_name_part(patient, "given", "CL"),
        birth_date=_at("recordTarget/patientRole/patient/birthTime", day_of, birth) if birth else "",
        sex=_attribute(patient.find("h:administrativeGenderCode", NS), "code"),
        birthplace=plain(place.find("h:county", NS)) if place is not None else "",
        address=_address(role.find("h:addr", NS)),
        telecoms=tuple(v for t in role.findall("h:telecom", NS) if (v := t.get("value"))),
    )


def _name_part(patient: etree._Element, part: str, qualifier: str | None) -> str:
    values = (plain(e) for e in patient.iterfind(f"h:name/h:{part}", NS) if e.get("qualifier") == qualifier)
    return " ".join(value for value in values if value)


def _address(element: etree._Element | None) -> Address:
    if element is None:
        return Address()
    numbered = " ".join(t for part in ("houseNumber", "streetName") if (t := plain(element.find(f"h:{part}", NS))))
    lines = [numbered, *(plain(e) for part in ("streetAddressLine", "unitID") for e in element.iterfind(f"h:{part}", NS))]
    return Address(
        lines=tuple(line for line in lines if line),
        postal_code=plain(element.find("h:postalCode", NS)),
        city=plain(element.find("h:city", NS)),
        country=plain(element.find("h:country", NS)),
    )


def _author(element: etree._Element) -> Agent:
    return _agent(element.find("h:assignedAuthor", NS), time=_time(element, "h:time"))


def _signatory(element: etree._Element | None) -> Agent | None:
    return None if element is None else _agent(element.find("h:assignedEntity", NS), time=_time(element, "h:time"))


def _agent(element: etree._Element | None, *, time: str | None = None) -> Agent:
    if element is None:
        return Agent(time=time)
    return Agent(
        id=_id(element.find("h:id", NS)),
        name=_person(element.find("h:assignedPerson/h:name", NS)),
        device=" ".join(plain(e) for e in element.iterfind("h:assignedAuthoringDevice/*", NS) if plain(e)),
        specialty=_code(element.find("h:code", NS)),
        organization=_organization(element.find("h:representedOrganization", NS)),
        time=time,
    )


def _recipient(element: etree._Element) -> Agent:
    return Agent(
        id=_id(element.find("h:id", NS)),
        name=_person(element.find("h:informationRecipient/h:name", NS)),
        organization=_organization(element.find("h:receivedOrganization", NS)),
    )


def _person(element: etree._Element | None) -> PersonName | None:
    if element is None:
        return None
    parts = {part: plain(element.find(f"h:{part}", NS)) for part in ("family", "given", "prefix", "suffix")}
    return PersonName(**parts) if parts["family"] or parts["given"] else None


def _organization(element: etree._Element | None) -> Organization | None:
    if element is None:
        return None
    return Organization(
        id=_id(element.find("h:id", NS)),
        name=plain(element.find("h:name", NS)),
        sector=_code(element.find("h:standardIndustryClassCode", NS)),
    )


def _event(element: etree._Element) -> ServiceEvent:
    performer = element.find("h:performer", NS)
    return ServiceEvent(
        id=_id(element.find("h:id", NS)),
        code=_code(element.find("h:code", NS)),
        period=_period(element),
        performer=None if performer is None else _agent(performer.find("h:assignedEntity", NS), time=_time(performer, "h:time")),
    )


def _encounter(element: etree._Element | None) -> Encounter | None:
    if element is None:
        return None
    facility = element.find("h:location/h:healthCareFacility", NS)
    return Encounter(
        id=_id(element.find("h:id", NS)),
        code=_code(element.find("h:code", NS)),
        period=_period(element),
        facility_type=None if facility is None else _code(facility.find("h:code", NS)),
        facility=None if facility is None else _facility(facility),
    )


def _facility(element: etree._Element) -> Organization:
    return Organization(id=_id(element.find("h:id", NS)), name=plain(element.find("h:location/h:name", NS)))


def _period(element: etree._Element) -> Period:
    effective = element.find("h:effectiveTime", NS)
    if effective is None:
        return Period()
    start = _time(effective, "h:low") or _time(element, "h:effectiveTime")
    return Period(start=start, end=_time(effective, "h:high"))


def _version(root: etree._Element) -> int | None:
    value = _attribute(root.find("h:versionNumber", NS), "value")
    return _at("versionNumber", int, value) if value else None


def _time(element: etree._Element, path: str) -> str | None:
    """The time at this path; an interval gives its start, or its end when it has no start."""
    found = element.find(path, NS)
    if found is None:
        return None
    place = path.replace("h:", "")
    values = (_attribute(e, "value") for e in (found, found.find("h:low", NS), found.find("h:high", NS)))
    return next((_at(place, moment, value) for value in values if value), None)


def _code(element: etree._Element | None) -> Code | None:
    if element is None or not element.get("code"):
        return None
    return Code(element.get("code") or "", element.get("codeSystem") or "", (element.get("displayName") or "").strip())


def _id(element: etree._Element | None) -> InstanceId | None:
    if element is None or not element.get("root"):
        return None
    return InstanceId((element.get("root") or "").strip(), (element.get("extension") or "").strip())


def _ids(element: etree._Element, path: str) -> tuple[InstanceId, ...]:
    return tuple(found for e in element.iterfind(path, NS) if (found := _id(e)))


def _attribute(element: etree._Element | None, name: str) -> str:
    return "" if element is None else (element.get(name) or "").strip()


def _at(path: str, read: Callable[[str], Value], value: str) -> Value:
    try:
        return read(value)
    except ValueError as error:
        raise _invalid(path, str(error), f"la valeur « {value} » ne peut pas être lue") from error


def _required(value: Value | None, path: str) -> Value:
    """The value, or Invalid naming the path; an empty element (no identifier, no author) counts as absent."""
    if value is None or value == ():
        text = "this element is mandatory (CI-SIS Structuration minimale)"
        raise _invalid(path, text, "élément obligatoire absent (CI-SIS, Structuration minimale)")
    return value


def _invalid(path: str, text: str, french: str) -> Invalid:
    place = f"ClinicalDocument/{path}"
    issues = [Issue(code="structure", diagnostics=text, expression=place)]
    return Invalid(f"{place}: {text}.", issues=issues, french=f"{place} : {french}")
