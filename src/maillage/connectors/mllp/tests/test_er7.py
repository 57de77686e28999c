"""Reading and writing ER7."""

from pathlib import Path

import pytest

from maillage.connectors.mllp.er7 import Malformed, Place, header, read
from maillage.connectors.mllp.er7_writer import escaped, write

MSH = b"MSH|^~\\&|RIS|HOP|PFI|REG|20260101||MDM^T02^MDM_T02|015|P|2.6^FRA|||||FRA|UNICODE UTF-8"
PID = "PID|||279035121518989^^^INS&1.2.250.1.213.1.4.10&ISO^INS~405660^^^HOP&120456789&M^PI||NOËL^Zoé".encode()


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\n\r\n"])
def test_segments_end_by_any_line_end(end: bytes) -> None:
    message = read(MSH + end + PID + end)
    assert [segment.name for segment in message.segments] == ["MSH", "PID"]
    assert message.value("PID-5.2") == "Zoé"


def test_line_ends_may_be_mixed_in_one_message() -> None:
    message = read(MSH + b"\n" + PID + b"\r" + b"PV1|1|I\r\n" + b"PV1|2|O")
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "PV1", "PV1"]
    assert message.value("PV1-2", nth=1) == "O"


def test_a_value_is_found_by_repetition_component_and_subcomponent() -> None:
    message = read(MSH + b"\r" + PID)
    assert message.count("PID-3") == 2
    assert message.value("PID-3.1") == message.value("PID-3") == "279035121518989"
    assert message.value("PID-3.4.2") == "1.2.250.1.213.1.4.10"
    assert message.value("PID-3.4.2", rep=1) == "120456789"
    assert message.value("PID-3.1", rep=2) == ""
    assert message.value("PID-40") == message.value("ZZZ-1") == ""


def test_the_header_has_its_separators_as_fields() -> None:
    message = read(MSH)
    assert message.value("MSH-1") == "|"
    assert message.value("MSH-2") == "^~\\&"
    assert (message.type, message.source, message.control_id, message.version) == ("MDM^T02", "RIS|HOP", "015", "2.6")


def test_a_message_may_choose_its_separators() -> None:
    message = read(b"MSH#*!?%#A#B\rPID###1***x%y!2")
    assert message.value("PID-3.4.2") == "y"
    assert message.value("PID-3.1", rep=1) == "2"


def test_escape_sequences_are_resolved_and_the_unknown_left_as_written() -> None:
    message = read(
        MSH + rb"\rNTE|1||a\F\b\S\c\T\d\R\e\E\f\.br\g\X41\\H\gras\N\ \Zinconnu\ \X00\ fin \ seul".replace(rb"\r", b"\r", 1)
    )
    assert message.value("NTE-3") == "a|b^c&d~e\\f\ngAgras \\Zinconnu\\ \\X00\\ fin \\ seul"


@pytest.mark.parametrize(
    ("charset", "codec", "name"),
    [("UNICODE UTF-8", "utf-8", "Zoé œ"), ("8859/1", "latin-1", "Zoé"), ("8859/15", "iso8859-15", "Zoé œ €")],
)
def test_text_is_read_in_the_charset_of_the_header(charset: str, codec: str, name: str) -> None:
    raw = MSH.replace(b"UNICODE UTF-8", charset.encode()) + b"\rPID|||||" + name.encode(codec)
    assert read(raw).value("PID-5") == name


@pytest.mark.parametrize(
    ("charset", "bad"),
    [
        (b"UNICODE UTF-8", "Zoé".encode("latin-1")),
        (b"8859/1", "l’été".encode("cp1252")),
        (b"", "Zoé".encode()),
        (b"8859/15", b"\x80"),
    ],
)
def test_bytes_that_are_no_text_in_the_charset_are_refused_with_their_offset(charset: bytes, bad: bytes) -> None:
    raw = MSH.replace(b"UNICODE UTF-8", charset) + b"\rPID|||||" + bad
    offset = next(i for i, byte in enumerate(raw) if byte > 127)
    with pytest.raises(Malformed) as fault:
        read(raw)
    assert fault.value.place == Place("MSH", 1, 18)
    assert f"position {offset}" in fault.value.text


@pytest.mark.parametrize(
    ("raw", "segment", "error"),
    [
        (b"", "MSH", "100"),
        (b"GET / HTTP/1.1\r\n", "MSH", "100"),
        (b"MSH", "MSH", "102"),
        (b"MSH|^^^^|", "MSH", "102"),
        (b"MSHaBCDEa", "MSH", "102"),
        (MSH + b"\rpid|1", "MSH", "100"),
        (MSH + b"\rPID|1\rQWJjZA==", "PID", "100"),
        (MSH.replace(b"UNICODE UTF-8", b"KLINGON"), "MSH", "103"),
        (MSH + b"\rPID|\0", "PID", "102"),
    ],
)
def test_what_is_no_message_is_refused_at_a_place(raw: bytes, segment: str, error: str) -> None:
    with pytest.raises(Malformed) as fault:
        read(raw)
    assert (fault.value.place.segment, fault.value.error) == (segment, error)


def test_the_header_alone_can_be_read_of_a_message_that_cannot() -> None:
    assert header(MSH + b"\rgarbage").control_id == "015"


def test_what_is_written_reads_the_same() -> None:
    nasty = 'pipe | caret ^ amp & tilde ~ back \\ line\nend "é€'
    raw = write([("MSH", {3: "A", 10: nasty}), ("PID", {3: [("1", "", ("x", "y&z")), "2"], 5: (nasty, nasty)})])
    message = read(raw)
    assert message.control_id == message.value("PID-5.1") == message.value("PID-5.2") == nasty
    assert message.value("PID-3.3.2") == "y&z"
    assert message.value("PID-3", rep=1) == "2"
    assert raw.count(b"\r") == 2


def test_the_writer_refuses_what_it_cannot_say() -> None:
    with pytest.raises(UnicodeEncodeError):
        write([("MSH", {3: "€"})], charset="8859/1")
    with pytest.raises(ValueError):
        write([("PID", {3: "1"})])
    with pytest.raises(ValueError):
        write([("MSH", {3: "1"}), ("pid", {0: "1"})])
    assert escaped("simple") == "simple"


def test_a_place_reads_as_a_person_writes_it() -> None:
    assert str(Place("OBX", 2, 5, 1, 5)) == "OBX[2]-5.5"
    assert str(Place("PID")) == "PID"


def test_every_official_message_is_read(shared_data: Path) -> None:
    folder = shared_data / "hl7v2" / "vague-2"
    paths = [path for path in folder.rglob("*") if path.suffix in (".er7", ".hl7")]
    assert len(paths) >= 20
    for path in paths:
        message = read(path.read_bytes())
        assert message.version in ("2.5", "2.6"), path
        assert message.control_id, path
