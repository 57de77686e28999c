"""What an exchange is made of: the facts of a header, a refusal at a place, what was done, and the answer's bytes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from maillage.connectors.mllp.er7 import CHARSETS, Malformed, Message, Place, place_of
from maillage.connectors.mllp.er7_writer import Line, Repetition, write
from maillage.errors import Invalid, MaillageError

ERRORS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
"""HL7 table 0357, message error condition codes."""


_FAILURES = {
    409: "une autre écriture est passée avant, le message peut être rejoué",
    412: "une autre écriture est passée avant, le message peut être rejoué",
    503: "un service dont la réception a besoin ne répond pas",
}
"""Why a message could not be recorded, by status of the fault (`errors`)."""


class Refused(Invalid):
    """The message is not taken: the code of the answer (AE or AR), the error (table 0357) and the place at fault.

    `text` says what is wrong and how to mend it, in French: the sender's staff read it in ERR-8, the steward in the quarantine.

    `field`, `repetition`, `component`, `sequence` count from 1; 0 leaves the place at the level above.
    """

    status = 422

    def __init__(
        self,
        text: str,
        *,
        error: str,
        segment: str,
        field: int = 0,
        component: int = 0,
        subcomponent: int = 0,
        sequence: int = 1,
        repetition: int = 1,
        code: str = "AE",
    ) -> None:
        super().__init__(text)
        self.text = text
        self.answer_code = code
        self.error = error
        self.place = Place(segment, sequence, field, repetition, component, subcomponent)

    @classmethod
    def at(cls, path: str, text: str, *, error: str = "102", sequence: int = 1, rep: int = 0, code: str = "AE") -> Self:
        """Refused at a path such as `OBX-5.5`; `rep` counts from 0 as in `Message.value`."""
        place = place_of(path, sequence=sequence, rep=rep)
        return cls(text, error=error, code=code, **place._asdict())

    @classmethod
    def malformed(cls, fault: Malformed) -> Self:
        """The refusal of bytes that cannot be read."""
        return cls(fault.text, error=fault.error, **fault.place._asdict())

    @classmethod
    def internal(cls, fault: Exception) -> Self:
        """We failed, not the message: it stays in quarantine until it is replayed. The words say the kind of fault and nothing it holds."""
        known = fault.french or _FAILURES.get(fault.status) if isinstance(fault, MaillageError) else None
        return cls(f"erreur interne : {known or type(fault).__name__}", error="207", segment="MSH")


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a message: whom it is about, the records written, and a note for the sender (ERR, severity W)."""

    patient: str | None = None
    records: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """The facts of MSH on which a message is taken or not, and how many people it is about."""

    control_id: str
    code: str
    event: str
    version: str
    processing: str
    source: str
    people: int

    @property
    def type(self) -> str:
        return f"{self.code}^{self.event}"


def header_of(message: Message) -> Header:
    """The header's facts; what is absent is an empty text."""
    return Header(
        control_id=message.control_id,
        code=message.value("MSH-9.1"),
        event=message.value("MSH-9.2"),
        version=message.version,
        processing=message.value("MSH-11.1"),
        source=message.source,
        people=len(message.all("PID")),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement: the code of MSA-1, the refusal it states or the note it adds."""

    code: str
    refused: Refused | None = None
    note: str = ""


def acknowledgement(answer: Answer, message: Message | None, *, identifier: str, at: datetime) -> bytes:
    """The answer's ER7 bytes, in the charset of the message; `message` is None when not even MSH could be read.

    Source: HL7 v2.6 §2.14.1 (ACK), §2.15.5 (ERR: ERR-2 place, ERR-3 code, ERR-4 severity, ERR-8 words).
    """
    lines: list[Line] = [_msh(message, identifier, at), ("MSA", {1: answer.code, 2: message.control_id if message else ""})]
    if answer.refused is not None:
        lines.append(_err(answer.refused.place, answer.refused.error, "E", answer.refused.text))
    elif answer.note:
        lines.append(_err(None, "0", "W", answer.note))
    charset = _charset(message)
    try:
        return write(lines, charset=charset)
    except UnicodeEncodeError:
        return write(lines, charset="UNICODE UTF-8")


def _msh(message: Message | None, identifier: str, at: datetime) -> Line:
    fields: dict[int, Repetition] = {7: at.strftime("%Y%m%d%H%M%S"), 10: identifier, 11: "P", 12: "2.5", 17: "FRA"}
    if message is None:
        return ("MSH", {3: "MAILLAGE", **fields, 9: ("ACK", "", "ACK")})
    version = tuple(message.value(f"MSH-12.{part}") for part in (1, 2, 3))
    return (
        "MSH",
        {
            **fields,
            3: message.value("MSH-5"),
            4: message.value("MSH-6"),
            5: message.value("MSH-3"),
            6: message.value("MSH-4"),
            9: ("ACK", message.value("MSH-9.2"), "ACK"),
            11: message.value("MSH-11") or "P",
            12: version if version[0] else "2.5",
        },
    )


def _err(place: Place | None, error: str, severity: str, text: str) -> Line:
    return ("ERR", {2: _erl(place) if place else "", 3: (error, ERRORS.get(error, ""), "HL70357"), 4: severity, 8: text})


def _erl(place: Place) -> Repetition:
    """ERL: segment, sequence, field, repetition, component, subcomponent; stops at the level of the fault."""
    if not place.field:
        return (place.segment, str(place.sequence))
    deep = (place.component, place.subcomponent) if place.subcomponent else (place.component,) if place.component else ()
    return (place.segment, str(place.sequence), str(place.field), str(place.repetition), *map(str, deep))


def _charset(message: Message | None) -> str:
    """The MSH-18 of the answer: the message's own where we can write it."""
    name = message.value("MSH-18").upper() if message else ""
    return name if name in CHARSETS and name else "UNICODE UTF-8"
