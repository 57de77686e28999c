"""HL7 v2 messages that carry CDA documents (CI-SIS: Transmission d'un document CDA en HL7v2 2.1, and au LPS 1.1). Pure."""

import base64
import binascii
from dataclasses import dataclass

from maillage.services.documents.resources.header import Header, InstanceId
from maillage.services.exchange.public import Message, Refused, Segment

FLAGS_SYSTEM = "MetaDMPMSS"
DOCUMENT_TYPE = "ED"
DOCUMENT_SUBTYPE = "XML"
NEW, REPLACE, DELETE = "F", "C", "D"
STATUS_OF_EVENT = {"T02": NEW, "T10": REPLACE, "T04": DELETE}
YES_NO = {"Y": True, "N": False}


@dataclass(frozen=True, slots=True)
class Carried:
    """One document of a message: the OBX it stands in, its bytes, what is asked (F new, C replace, D withdraw), its type code."""

    segment: Segment
    content: bytes
    status: str
    code: str

    def refused(self, path: str, text: str, *, error: str = "102") -> Refused:
        """A refusal at a field of this OBX, such as `OBX-5.5`."""
        return Refused.at(path, text, error=error, sequence=self.segment.sequence)


def documents_in(message: Message) -> list[Carried]:
    """The documents of a message, in order. Refused at the OBX that cannot be read, or when there is none."""
    found = [_carried(message, segment) for segment in message.all("OBX") if _is_document(segment)]
    if not found:
        raise Refused.at("OBX-5", "le message ne porte aucun document CDA (OBX de type ED, OBX-5.3 = XML)", error="101")
    return found


def flags_in(message: Message) -> dict[str, tuple[bool, Segment]]:
    """The yes-or-no OBX of table MetaDMPMSS: code → value and the OBX that says it. Refused where the value is neither."""
    flags = {}
    for segment in message.all("OBX"):
        code = segment.value("3.1")
        if segment.value("3.3") != FLAGS_SYSTEM or segment.value("2") == DOCUMENT_TYPE:
            continue
        said = segment.value("5.1")
        if said not in YES_NO:
            raise Refused.at("OBX-5.1", f"{code} vaut Y ou N, pas « {said} »", error="103", sequence=segment.sequence)
        flags[code] = (YES_NO[said], segment)
    return flags


def check_against(message: Message, carried: Carried, header: Header) -> None:
    """What the message says of a document is what the document says: its type and its unique id. Refused otherwise."""
    if carried.code != header.type.code:
        raise carried.refused(
            "OBX-3.1", f"OBX-3 annonce le type {carried.code}, le document est de type {header.type.code}", error="103"
        )
    announced = _ids_in(message, 12)
    if announced and header.id.text not in announced:
        raise Refused.at("TXA-12", f"TXA-12 annonce le document {announced[0]}, le document porte {header.id.text}", error="102")
    parents = _ids_in(message, 13)
    if parents and header.replaces and not {one.text for one in header.replaces} & set(parents):
        raise Refused.at("TXA-13", f"TXA-13 remplace {parents[0]}, le document remplace {header.replaces[0].text}", error="102")
    if carried.status == REPLACE and not (header.replaces or parents):
        raise carried.refused("OBX-11", "OBX-11 demande un remplacement, rien ne dit de quel document (relatedDocument RPLC)")


def parent_of(message: Message) -> tuple[InstanceId, ...]:
    """The document that TXA-13 says is replaced."""
    number, root = message.value("TXA-13.1"), message.value("TXA-13.3")
    if not number:
        return ()
    return (InstanceId(root, number) if root and root != number else InstanceId(number),)


def _is_document(segment: Segment) -> bool:
    said = segment.value("2") == DOCUMENT_TYPE and segment.value("3.3") != FLAGS_SYSTEM
    return said and (segment.value("5.3").upper() == DOCUMENT_SUBTYPE or segment.value("3.3") == "LN")


def _carried(message: Message, segment: Segment) -> Carried:
    status = segment.value("11")
    carried = Carried(segment, b"", status, segment.value("3.1"))
    event = message.value("MSH-9.2")
    expected = STATUS_OF_EVENT.get(event)
    if status not in (NEW, REPLACE, DELETE) or (expected and status != expected):
        raise carried.refused("OBX-11", f"OBX-11 = « {status} » ne dit pas ce que dit l'événement {event}", error="103")
    if segment.value("5.3").upper() != DOCUMENT_SUBTYPE or segment.value("5.4").upper() != "BASE64":
        raise carried.refused("OBX-5", "OBX-5 porte un document CDA en base64 : ^TEXT^XML^Base64^…", error="103")
    return Carried(segment, _decoded(carried, segment.data("5.5")), status, carried.code)


def _decoded(carried: Carried, data: bytes) -> bytes:
    """The bytes of a base64 text. Senders leave out the final `=` (as official examples do): that loses nothing."""
    text = b"".join(data.split()).rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise carried.refused("OBX-5.5", "OBX-5.5 n'est pas du base64, ou il est coupé") from fault


def _ids_in(message: Message, number: int) -> list[str]:
    """The ways a unique id may be written in TXA-12 or TXA-13: `id`, `extension^^root`."""
    first, root = message.value(f"TXA-{number}.1"), message.value(f"TXA-{number}.3")
    return [text for text in (first, f"{root}^{first}" if root else "") if first and text]
