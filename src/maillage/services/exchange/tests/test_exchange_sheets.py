"""A message laid out to be read and corrected."""

import pytest

from maillage.connectors.mllp.er7 import Place, read
from maillage.errors import Invalid
from maillage.services.exchange.resources.sheets import corrected, editable, sheet, text_of

MSH = "MSH|^~\\&|RIS|HOP|PFI|REG|20260101||MDM^T02|015|P|2.6|||||FRA|UNICODE UTF-8"
DOCUMENT = "QUJD" * 1000
RAW = f"{MSH}\rPID|1||3||NOËL^Zoé\rOBX|1|ED|11490-0||^TEXT^XML^Base64^{DOCUMENT}||||||F\rOBX|2|CWE|A||N\r".encode()


def test_the_field_at_fault_stands_apart() -> None:
    rows = sheet(RAW, Place("OBX", 2, 5))
    assert [row.at_fault for row in rows] == [False, False, False, True]
    assert (rows[3].before, rows[3].fault, rows[3].after) == ("OBX|2|CWE|A||", "N", "")


def test_the_header_counts_its_separator_as_a_field() -> None:
    [row, *_] = sheet(RAW, Place("MSH", 1, 18))
    assert (row.fault, row.after) == ("UNICODE UTF-8", "")


def test_a_segment_or_field_that_is_missing_marks_what_there_is() -> None:
    assert not any(row.at_fault for row in sheet(RAW, Place("TXA")))
    assert sheet(RAW, Place("PID", 1, 40))[1].at_fault
    assert sheet(RAW, Place("PID"))[1].fault.startswith("PID|1")


def test_long_values_are_shown_by_their_length_and_come_back_on_replay() -> None:
    text = editable(RAW)
    assert "⟨1 : 4\u202f000 caractères⟩" in text
    assert len(text) < 400
    again = corrected(text.replace("Zoé", "Chloé").replace("\n", "\r\n"), RAW)
    message = read(again)
    assert message.value("PID-5.2") == "Chloé"
    assert message.value("OBX-5.5") == DOCUMENT
    assert corrected(text, RAW) == RAW


def test_bytes_in_another_charset_than_announced_are_shown_readable_and_replayed_in_the_announced_one() -> None:
    raw = RAW.replace("NOËL^Zoé".encode(), "NOËL^Zoé".encode("cp1252"))
    assert "NOËL^Zoé" in text_of(raw)
    assert corrected(editable(raw), raw) == RAW


def test_a_correction_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(Invalid, match="marque"):
        corrected(editable(RAW).replace("⟨1 :", "⟨7 :"), RAW)
    with pytest.raises(Invalid, match="œ"):
        corrected(editable(RAW).replace("UNICODE UTF-8", "8859/1").replace("Zoé", "œ"), RAW)


def test_what_is_no_message_can_be_read_and_corrected_all_the_same() -> None:
    assert [row.before for row in sheet(b"GET / HTTP/1.1\r\n\r\n", Place("MSH"))] == ["GET / HTTP/1.1"]
    assert corrected(MSH, b"\xff\xfe") == MSH.encode() + b"\r"
