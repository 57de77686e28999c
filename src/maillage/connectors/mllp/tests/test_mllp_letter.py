"""A CDA document wrapped as a hospital sends it."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from maillage.connectors.mllp.er7 import Message, read
from maillage.connectors.mllp.letter import Sender, letter, renumbered
from maillage.errors import Invalid

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <id root="1.2.3.4.5"/>
  <code code="11490-0" displayName="Lettre de liaison &amp; sortie" codeSystem="2.16.840.1.113883.6.1"/>
  <setId root="1.2.3.4"/>
  <recordTarget><patientRole>
    <id extension="279035121518989" root="1.2.250.1.213.1.4.10"/>
    <id extension="405660" root="1.2.3.9"/>
    <addr><houseNumber>28</houseNumber><streetName>Av de Breteuil</streetName><postalCode>75007</postalCode><city>PARIS</city></addr>
    <patient><name><family qualifier="BR">PAT-TROIS</family><given>DOMINIQUE MARIE-LOUISE</given><given qualifier="BR">DOMINIQUE</given></name>
      <administrativeGenderCode code="F"/><birthTime value="19790328"/>
      <birthplace><place><addr><county>51215</county></addr></place></birthplace></patient>
  </patientRole></recordTarget>%s
  <component><nonXMLBody><text>1.2.3.4.50 n'est pas cette lettre</text></nonXMLBody></component>
</ClinicalDocument>"""


def sent(cda: str = CDA % "", **options: object) -> Message:
    return read(letter(cda.encode(), control_id="L1", at=AT, **options))  # type: ignore[arg-type]


def test_a_letter_is_an_mdm_with_the_document_in_base64() -> None:
    message = sent(sender=Sender("DPI", "CHU-X"))
    assert (message.type, message.version, message.source, message.control_id) == ("MDM^T02", "2.6", "DPI|CHU-X", "L1")
    assert message.value("MSH-21.2") == "CISIS_CDA_HL7_V2"
    assert [s.name for s in message.segments][:8] == ["MSH", "EVN", "PID", "PV1", "ORC", "OBR", "TXA", "OBX"]
    assert base64.b64decode(message.data("OBX-5.5")) == (CDA % "").encode()
    assert (message.value("OBX-3"), message.value("OBX-3.2"), message.value("OBX-11")) == (
        "11490-0",
        "Lettre de liaison & sortie",
        "F",
    )


def test_the_person_is_the_one_of_the_header() -> None:
    message = sent()
    assert [message.value("PID-3.1", rep=n) for n in (0, 1)] == ["279035121518989", "405660"]
    assert (message.value("PID-3.4.2"), message.value("PID-3.5"), message.value("PID-3.5", rep=1)) == (
        "1.2.250.1.213.1.4.10",
        "INS",
        "PI",
    )
    assert [message.value(f"PID-5.{part}") for part in (1, 2, 3, 7)] == ["PAT-TROIS", "DOMINIQUE", "DOMINIQUE MARIE-LOUISE", "L"]
    assert (message.value("PID-7"), message.value("PID-8")) == ("19790328", "F")
    assert (message.value("PID-11.1"), message.value("PID-11.7", rep=1), message.value("PID-11.9", rep=1)) == (
        "28 Av de Breteuil", "BDL", "51215",
    )  # fmt: skip


def test_a_document_that_replaces_another_is_sent_as_a_replacement() -> None:
    related = '<relatedDocument typeCode="RPLC"><parentDocument><id root="9.9" extension="1"/></parentDocument></relatedDocument>'
    message = sent(CDA % related)
    assert (message.type, message.value("ORC-1"), message.value("OBX-11")) == ("MDM^T10", "RO", "C")
    assert (message.value("TXA-12"), message.value("TXA-13.1"), message.value("TXA-13.3")) == ("1.2.3.4.5", "1", "9.9")


def test_a_deletion_is_asked_for() -> None:
    message = sent(ask="deletion")
    assert (message.type, message.value("ORC-1"), message.value("OBX-11")) == ("MDM^T04", "CA", "D")


@pytest.mark.parametrize("bad", [b"", b"%PDF-1.7", b"<a/>", b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>'])
def test_what_is_no_document_is_refused(bad: bytes) -> None:
    with pytest.raises(Invalid):
        letter(bad, control_id="1", at=AT)


def test_copies_differ_by_their_identifiers_alone() -> None:
    copy = etree.fromstring(renumbered((CDA % "").encode(), 7))
    ns = {"c": "urn:hl7-org:v3"}
    assert copy.find("c:id", ns).get("root") == "1.2.3.4.5.7"
    assert copy.find("c:setId", ns).get("root") == "1.2.3.4.7"
    assert copy.find("c:recordTarget/c:patientRole/c:id", ns).get("extension") == "279035121518989"


def test_every_official_document_can_be_sent(shared_data: Path) -> None:
    paths = sorted((shared_data / "cda" / "selection").glob("*.xml"))
    assert paths
    for path in paths:
        content = path.read_bytes()
        message = read(letter(content, control_id="1", at=AT))
        assert base64.b64decode(message.data("OBX-5.5")) == content
        assert message.value("PID-5.1"), path
        assert message.value("TXA-12"), path
        assert renumbered(content, 3) != content
