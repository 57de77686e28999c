"""A CDA document as a hospital sends it: wrapped in an MDM message. Pure.

Source: CI-SIS "Transmission de document(s) CDA en HL7v2" 2.1 (MDM^T02 first sending, T10 replacement, T04 deletion; HL7 v2.6).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from maillage.connectors.mllp.er7_writer import Component, Line, Repetition, write
from maillage.errors import Invalid

NAMESPACE = {"c": "urn:hl7-org:v3"}
INS_ROOTS = {
    "1.2.250.1.213.1.4.8": "ASIP-SANTE-INS-NIR",
    "1.2.250.1.213.1.4.9": "ASIP-SANTE-INS-NIA",
    "1.2.250.1.213.1.4.10": "ASIP-SANTE-INS-NIR",
    "1.2.250.1.213.1.4.11": "ASIP-SANTE-INS-NIR",
}
PROFILE = ("2.1", "CISIS_CDA_HL7_V2")
EVENTS = {"first": ("T02", "NW", "F"), "replacement": ("T10", "RO", "C"), "deletion": ("T04", "CA", "D")}
"""What is asked → trigger event, ORC-1, OBX-11."""
_FLAGS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX", "MODIF_CONF_CODE")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends (MSH-3, MSH-4) to whom (MSH-5, MSH-6)."""

    application: str = "DPI"
    facility: str = "ETABLISSEMENT"
    to_application: str = "MAILLAGE"
    to_facility: str = "REGION"


def letter(cda: bytes, *, control_id: str, at: datetime, sender: Sender | None = None, ask: str | None = None) -> bytes:
    """The MDM message that carries this document, about the person its header names.

    `ask`: "first", "replacement" or "deletion"; left out, the header decides (relatedDocument RPLC is a replacement).
    Raises Invalid when the bytes hold no ClinicalDocument or its header names no patient.
    """
    document = _document(cda)
    asked = ask or ("replacement" if document.find("c:relatedDocument[@typeCode='RPLC']", NAMESPACE) is not None else "first")
    event, order, status = EVENTS[asked]
    when = at.strftime("%Y%m%d%H%M%S")
    return write(
        [
            _header(sender or Sender(), event, control_id, when),
            ("EVN", {2: when}),
            _person(document),
            ("PV1", {1: "1", 2: "I"}),
            ("ORC", {1: order}),
            ("OBR", {1: "1", 4: _kind(document)}),
            _transcription(document, when),
            ("OBX", {1: "1", 2: "ED", 3: _kind(document), 5: _embedded(cda), 11: status}),
            *_flags(),
        ]
    )


def renumbered(cda: bytes, number: int) -> bytes:
    """The same document under another identity: its id and set id end by `number`. For as many letters as a test needs."""
    document = _document(cda)
    for path in ("c:setId", "c:id"):
        root, extension = _attributes(document.find(path, NAMESPACE))
        old = f'extension="{extension}"' if extension else f'root="{root}"'
        new = f'extension="{extension}.{number}"' if extension else f'root="{root}.{number}"'
        cda = re.sub(re.escape(old.encode()) + rb"(?=[\s/>])", new.encode(), cda)
    return cda


def _document(cda: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.fromstring(cda, parser)
    except etree.XMLSyntaxError as fault:
        raise Invalid(f"the document is not XML: {fault}") from fault
    found: etree._Element | None = next(root.iter(f"{{{NAMESPACE['c']}}}ClinicalDocument"), None)
    if found is None:
        raise Invalid("the document holds no ClinicalDocument (CDA R2)")
    return found


def _header(sender: Sender, event: str, control_id: str, when: str) -> Line:
    return (
        "MSH",
        {
            3: sender.application,
            4: sender.facility,
            5: sender.to_application,
            6: sender.to_facility,
            7: when,
            9: ("MDM", event, "MDM_T02"),
            10: control_id,
            11: "P",
            12: "2.6",
            17: "FRA",
            21: PROFILE,
        },
    )


def _person(document: etree._Element) -> Line:
    role = document.find("c:recordTarget/c:patientRole", NAMESPACE)
    if role is None:
        raise Invalid("the document's header names no patient (recordTarget/patientRole)")
    person = role.find("c:patient", NAMESPACE)
    return (
        "PID",
        {
            3: [_patient_identifier(one) for one in role.findall("c:id", NAMESPACE)],
            5: [_name(person)],
            7: _value(person, "c:birthTime")[:8],
            8: _attribute(person, "c:administrativeGenderCode", "code"),
            11: [*_home(role), ("", "", "", "", "", "", "BDL", "", _text(person, "c:birthplace/c:place/c:addr/c:county"))],
            32: "VALI",
        },
    )


def _patient_identifier(identifier: etree._Element) -> Repetition:
    root, extension = _attributes(identifier)
    authority = INS_ROOTS.get(root, "")
    return (extension, "", "", (authority, root, "ISO"), "INS" if authority else "PI")


def _name(person: etree._Element | None) -> Repetition:
    """XPN: birth name, first given name, all given names, type L (birth name as on the civil record)."""
    family = _text(person, "c:name/c:family[@qualifier='BR']") or _text(person, "c:name/c:family")
    everything = _text(person, "c:name/c:given")
    first = _text(person, "c:name/c:given[@qualifier='BR']") or everything
    return (family, first, everything, "", "", "", "L")


def _home(role: etree._Element) -> list[Repetition]:
    address = role.find("c:addr", NAMESPACE)
    if address is None or not _text(address, "c:city"):
        return []
    street = " ".join(filter(None, (_text(address, f"c:{part}") for part in ("houseNumber", "streetNameType", "streetName"))))
    return [(street, "", _text(address, "c:city"), "", _text(address, "c:postalCode"), "FRA", "H")]


def _kind(document: etree._Element) -> Repetition:
    code = document.find("c:code", NAMESPACE)
    if code is None:
        raise Invalid("the document's header names no type (code)")
    system = "LN" if code.get("codeSystem") == "2.16.840.1.113883.6.1" else code.get("codeSystem", "")
    return (code.get("code", ""), code.get("displayName", ""), system)


def _transcription(document: etree._Element, when: str) -> Line:
    parent = document.find("c:relatedDocument/c:parentDocument/c:id", NAMESPACE)
    return (
        "TXA",
        {
            1: "1",
            2: _attribute(document, "c:code", "code"),
            3: "TEXT",
            4: when,
            12: _entity(document.find("c:id", NAMESPACE)),
            13: _entity(parent) if parent is not None else "",
            17: "AU",
        },
    )


def _entity(identifier: etree._Element | None) -> Repetition:
    """EI: `extension^^root^ISO`, or the root alone when it is the whole identifier."""
    root, extension = _attributes(identifier)
    return (extension, "", root, "ISO") if extension else root


def _embedded(cda: bytes) -> Repetition:
    parts: tuple[Component, ...] = ("", "TEXT", "XML", "Base64", base64.b64encode(cda).decode("ascii"))
    return parts


def _flags() -> list[Line]:
    return [
        ("OBX", {1: str(number), 2: "CWE", 3: (flag, "", "MetaDMPMSS"), 5: ("N", "", "expandedYes-NoIndicator"), 11: "F"})
        for number, flag in enumerate(_FLAGS, start=2)
    ]


def _attributes(identifier: etree._Element | None) -> tuple[str, str]:
    """The root and extension of an II; Invalid when there is none."""
    if identifier is None or not identifier.get("root"):
        raise Invalid("the document's header lacks an identifier (id, setId)")
    return identifier.get("root", ""), identifier.get("extension", "")


def _text(element: etree._Element | None, path: str) -> str:
    found = element.findtext(path, "", NAMESPACE) if element is not None else ""
    return (found or "").strip()


def _attribute(element: etree._Element | None, path: str, name: str) -> str:
    found = element.find(path, NAMESPACE) if element is not None else None
    return found.get(name, "") if found is not None else ""


def _value(element: etree._Element | None, path: str) -> str:
    return _attribute(element, path, "value")
