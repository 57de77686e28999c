"""Whether a message is taken, and the answer's bytes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from maillage.connectors.mllp.er7 import read
from maillage.services.exchange import rules
from maillage.services.exchange.resources.answers import Answer, Header, Refused, acknowledgement, header_of

TYPES = ("MDM^T02", "MDM^T10", "ADT^A01")
GOOD = Header(control_id="015", code="MDM", event="T02", version="2.6", processing="P", source="RIS|HOP", people=1)
AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
RAW = (
    b"MSH|^~\\&|RIS|HOP^1|PFI|REG|20260101||ADT^A01^ADT_A01|015|D|2.5^FRA^2.11|||||FRA|8859/1|FR||2.11^IHE_FRANCE-2.11-PAM\r"
    b"PID|1||3||No\xebl\r"
)


def test_a_good_header_is_taken() -> None:
    assert rules.refusal(GOOD, TYPES) is None


@pytest.mark.parametrize(
    ("change", "code", "error", "place"),
    [
        ({"control_id": ""}, "AR", "101", "MSH-10"),
        ({"source": "|"}, "AR", "101", "MSH-3"),
        ({"version": "2.3"}, "AR", "203", "MSH-12.1"),
        ({"version": ""}, "AR", "203", "MSH-12.1"),
        ({"processing": "X"}, "AR", "202", "MSH-11.1"),
        ({"code": ""}, "AR", "101", "MSH-9.1"),
        ({"code": "SIU"}, "AR", "200", "MSH-9.1"),
        ({"event": "T99"}, "AR", "201", "MSH-9.2"),
        ({"people": 2}, "AE", "100", "PID[2]"),
    ],
)
def test_what_is_not_taken_is_refused_at_its_place(change: dict[str, object], code: str, error: str, place: str) -> None:
    refused = rules.refusal(replace(GOOD, **change), TYPES)  # type: ignore[arg-type]
    assert refused is not None
    assert (refused.answer_code, refused.error, str(refused.place)) == (code, error, place)


@pytest.mark.parametrize(
    ("code", "accept", "application", "answer"),
    [
        ("AA", "", "", "AA"),
        ("AE", "", "", "AE"),
        ("AA", "AL", "AL", "AA"),
        ("AA", "AL", "NE", "CA"),
        ("AR", "AL", "NE", "CR"),
        ("AA", "NE", "NE", None),
        ("AA", "NE", "ER", None),
        ("AE", "NE", "ER", "AE"),
        ("AE", "NE", "SU", None),
        ("AE", "ER", "", "CE"),
    ],
)
def test_the_sender_gets_the_kind_of_answer_it_asks_for(code: str, accept: str, application: str, answer: str | None) -> None:
    assert rules.answer_wanted(code, accept, application) == answer


def test_a_certificate_speaks_for_its_sources_only() -> None:
    allowed = {("chu-x", "RIS|HOP")}
    assert rules.may_speak_for("chu-x", "RIS|HOP", allowed)
    assert not rules.may_speak_for("chu-x", "LABO|HOP", allowed)
    assert not rules.may_speak_for(None, "RIS|HOP", allowed)
    assert rules.may_speak_for(None, "RIS|HOP", ())


def test_an_answer_goes_back_to_the_sender_in_its_charset_and_version() -> None:
    raw = acknowledgement(Answer("AA"), read(RAW), identifier="42", at=AT)
    answer = read(raw)
    assert [answer.value(f"MSH-{n}") for n in (3, 4, 5, 6)] == ["PFI", "REG", "RIS", "HOP"]
    assert [answer.value(f"MSH-{n}") for n in (7, 10, 11, 18)] == ["20261123093000", "42", "D", "8859/1"]
    assert [answer.value(f"MSH-9.{n}") for n in (1, 2, 3)] == ["ACK", "A01", "ACK"]
    assert [answer.value(f"MSH-12.{n}") for n in (1, 2, 3)] == ["2.5", "FRA", "2.11"]
    assert (answer.value("MSA-1"), answer.value("MSA-2")) == ("AA", "015")
    assert answer.segment("ERR") is None


def test_a_refusal_names_the_place_the_code_and_the_reason() -> None:
    refused = Refused.at("OBX-5.5", "ce n'est pas du CDA: été", error="102", sequence=2)
    answer = read(acknowledgement(Answer("AE", refused), read(RAW), identifier="42", at=AT))
    assert answer.value("MSA-1") == "AE"
    assert [answer.value(f"ERR-2.{n}") for n in range(1, 6)] == ["OBX", "2", "5", "1", "5"]
    assert [answer.value(f"ERR-3.{n}") for n in (1, 2, 3)] == ["102", "Data type error", "HL70357"]
    assert (answer.value("ERR-4"), answer.value("ERR-8")) == ("E", "ce n'est pas du CDA: été")


def test_a_missing_segment_is_named_without_a_field() -> None:
    refused = Refused.at("TXA", "the message has no TXA segment", error="100")
    raw = acknowledgement(Answer("AE", refused), read(RAW), identifier="42", at=AT)
    assert b"\rERR||TXA^1|100^" in raw


def test_a_reason_the_charset_cannot_say_is_answered_in_utf8() -> None:
    raw = acknowledgement(Answer("AE", Refused.at("PID-5", "l’œuvre", error="102")), read(RAW), identifier="42", at=AT)
    assert read(raw).value("ERR-8") == "l’œuvre"


def test_what_cannot_be_read_at_all_is_still_answered() -> None:
    refused = Refused.at("MSH", "no MSH", error="100", code="AR")
    answer = read(acknowledgement(Answer("AR", refused), None, identifier="42", at=AT))
    assert (answer.value("MSA-1"), answer.value("MSA-2"), answer.value("ERR-2.1")) == ("AR", "", "MSH")


def test_a_note_is_a_warning() -> None:
    answer = read(acknowledgement(Answer("AA", note="identity provisional"), read(RAW), identifier="42", at=AT))
    assert (answer.value("MSA-1"), answer.value("ERR-4"), answer.value("ERR-8")) == ("AA", "W", "identity provisional")


def test_the_header_s_facts_are_read_from_the_message() -> None:
    assert header_of(read(RAW)) == Header(
        control_id="015", code="ADT", event="A01", version="2.5", processing="D", source="RIS|HOP", people=1
    )
