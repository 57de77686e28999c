"""Each official message that carries a document, and its answer; each fault of a message, and where the answer says it is."""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.connectors.mllp.er7 import read
from maillage.errors import Conflict
from maillage.fhir import writing
from maillage.services.documents.ports import receive_documents
from maillage.services.documents.resources import messages
from maillage.services.documents.resources.coding import VISIBILITY
from maillage.services.exchange.public import Refused
from maillage.services.exchange.service.receiving import Arrival, receive
from tests.support.people import SEED

TRANS = "hl7v2/vague-2/Trans_Doc-CDA-HL7V2/TRANSMISSION_DOCS_CDA_EN_HL7V2_V2.1"
LPS = "hl7v2/vague-2/Trans_LPS_CDA_MSSanté/TRANSMISSION_LPS_DOC_CDA_COURRIEL_FROM_MSSANTE_V1.1"
MDM_NEW = f"{TRANS}/MDM/Transmission initiale MDM/message_MDM_CR_Radio_INIT_N1_Base64.er7"
MDM_TEXT = f"{TRANS}/MDM/Transmission initiale MDM/message_MDM_CR_Radio_INIT_N1.er7"
MDM_REPLACE = f"{TRANS}/MDM/Remplacement MDM/message_MDM_CR_Radio_RPLC_N1.er7"
MDM_DELETE = f"{TRANS}/MDM/Suppression MDM/message_MDM_CR_Radio_DEL_N1.er7"
ORU_NEW = f"{TRANS}/ORU/Transmission initiale ORU/message_ORU_CR_Bio_INIT_N3_SEGUR.hl7"
ORU_REPLACE = f"{TRANS}/ORU/Remplacement ORU/message_ORU_CR_Bio_RPLC_N3_SEGUR.hl7"
ORU_DELETE = f"{TRANS}/ORU/Suppression ORU/message_ORU_CR_Bio_DEL_N3_SEGUR.hl7"
LPS_NEW = f"{LPS}/Transmission initiale MDM/message_MDM__LPS_MSS_CR_Radio_INIT_N1_Base64.er7"
LPS_TEXT = f"{LPS}/Transmission initiale MDM/message_MDM__LPS_MSS_CR_Radio_INIT_N1.er7"
LPS_REPLACE = f"{LPS}/Remplacement MDM/message_MDM__LPS_MSS_CR_Radio_RPLC_N1.er7"
LPS_DELETE = f"{LPS}/Suppression MDM/message_MDM__LPS_MSS_CR_Radio_DEL_N1.er7"

# What is sent, one after another, and how the last is answered: code, ERR-2, a word of ERR-8 or of the note.
ANSWERS = [
    ((MDM_NEW,), "AA", "", "identité"),
    ((MDM_NEW, MDM_REPLACE), "AA", "", ""),
    ((MDM_NEW, MDM_REPLACE, MDM_DELETE), "AA", "", ""),
    ((MDM_REPLACE,), "AA", "", "identité"),
    ((MDM_REPLACE, MDM_NEW), "AA", "", ""),
    ((MDM_DELETE,), "AE", "OBX^1^5^1^5", "document inconnu"),
    ((MDM_TEXT,), "AE", "OBX^1^5^1^5", "CDA"),
    ((ORU_NEW,), "AA", "", "identité"),
    ((ORU_NEW, ORU_REPLACE), "AA", "", ""),
    # The official deletion carries the report of another person (NESSI RUTH) than its PID (PAT-TROIS DOMINIQUE).
    ((ORU_NEW, ORU_REPLACE, ORU_DELETE), "AE", "OBX^1^5^1^5", "deux patients"),
    ((LPS_NEW,), "AA", "", "identité"),
    ((LPS_NEW, LPS_REPLACE), "AA", "", ""),
    ((LPS_NEW, LPS_REPLACE, LPS_DELETE), "AA", "", ""),
    ((LPS_TEXT,), "AE", "OBX^1^5^1^5", "CDA"),
    # The mailed copy has the unique id of the hospital's own message and other bytes.
    ((MDM_NEW, LPS_NEW), "AE", "OBX^1^5^1^5", "déjà utilisé"),
]


ENGLISH = re.compile(r"\b(the|is|are|was|not|of|this|and|cannot)\b")
"""Words that French does not have: the hospital's staff and the steward read what a refusal says."""

HANDLER = receive_documents
"""Registered with the exchange when its module is imported."""


async def answer_to(access: Access, content: bytes) -> tuple[str, str, str]:
    arrival = Arrival(content=content, peer="127.0.0.1", at=datetime(2026, 11, 23, tzinfo=UTC))
    outcome = await receive(access, arrival)
    message = read(outcome.answer)
    error = message.segment("ERR")
    return message.value("MSA-1"), error.whole(2) if error else "", error.value("8") if error else ""


def renumbered(content: bytes, number: int) -> bytes:
    """The official messages all have the control id 015."""
    return content.replace(b"|015|", f"|{number:03}|".encode(), 1)


def name(sent: Any) -> str:
    return "+".join(Path(path).stem[-22:] for path in sent) if isinstance(sent, tuple) else ""


@pytest.mark.conformance
@pytest.mark.parametrize(("sent", "code", "place", "words"), ANSWERS, ids=name)
async def test_an_official_message_has_this_answer(
    access: Access, shared_data: Path, sent: tuple[str, ...], code: str, place: str, words: str
) -> None:
    for number, path in enumerate(sent):
        content = renumbered((shared_data / path).read_bytes(), number)
        said = await answer_to(access, content)
    assert said[:2] == (code, place)
    assert words in said[2]
    assert not ENGLISH.search(said[2])


@pytest.mark.conformance
def test_no_official_message_that_carries_a_document_is_left_out(shared_data: Path) -> None:
    folders = [shared_data / TRANS, shared_data / LPS]
    files = {str(f.relative_to(shared_data)) for folder in folders for f in folder.rglob("*") if f.suffix in (".er7", ".hl7")}
    assert {f for f in files if not f.endswith("ack.er7")} == {path for sent, *_ in ANSWERS for path in sent}


@pytest.mark.conformance
async def test_what_a_message_hides_is_labelled(access: Access, shared_data: Path) -> None:
    await answer_to(access, (shared_data / MDM_NEW).read_bytes())
    async with access.act(SEED) as ctx:
        [record] = await ctx.records.find("DocumentReference")
    codings = [coding for label in record["securityLabel"] for coding in label["coding"]]
    assert {c["code"] for c in codings if c["system"] == VISIBILITY} == {"INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}


CDA = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="1"/><code code="11490-0" codeSystem="2.16.840.1.113883.6.1"/>'
    '<title>Lettre</title><effectiveTime value="20261120"/><recordTarget><patientRole><id root="1.9.9" extension="7"/><patient><name>'
    '<family qualifier="BR">MARTIN</family><given>ZOE</given></name><administrativeGenderCode code="F"/><birthTime value="19500601"/>'
    '</patient></patientRole></recordTarget><author><time value="20261120"/><assignedAuthor/></author><custodian><assignedCustodian>'
    '<representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" extension="1330000001"/></representedCustodianOrganization>'
    "</assignedCustodian></custodian><component><structuredBody/></component></ClinicalDocument>"
)


def message(
    *,
    event: str = "MDM^T02^MDM_T02",
    cda: str = CDA,
    status: str = "F",
    code: str = "11490-0",
    data: str | None = None,
    shape: str = "^TEXT^XML^Base64^",
    pid: str = "PID|||7^^^CHU&1.9.9&ISO^PI||MARTIN^ZOE^ZOE^^^^L||19500601|F",
    txa: str = "TXA|1|11490-0|TEXT|||||||||1^^1.2.3^ISO",
    flags: dict[str, str] | None = None,
) -> bytes:
    """A correct message; only what a test names differs."""
    sent = data if data is not None else base64.b64encode(cda.encode()).decode()
    lines = [
        f"MSH|^~\\&|DPI|CHU|PFI|REGION|20261120||{event}|1|P|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2",
        *([pid] if pid else []),
        txa,
        f"OBX|1|ED|{code}^Lettre^LN||{shape}{sent}||||||{status}",
        *(
            f"OBX|{n}|CWE|{k}^x^MetaDMPMSS||{v}^^expandedYes-NoIndicator||||||F"
            for n, (k, v) in enumerate((flags or {}).items(), 2)
        ),
    ]
    return "\r".join(lines).encode() + b"\r"


async def test_a_correct_message_is_taken(access: Access) -> None:
    assert (await answer_to(access, message()))[0] == "AA"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"data": "Q2Ugbidlc3QgcGFzIHVuIENEQQ=="}, "OBX^1^5^1^5"),
        ({"data": "abc*"}, "OBX^1^5^1^5"),
        ({"data": base64.b64encode(CDA.encode()).decode()[:401]}, "OBX^1^5^1^5"),
        ({"data": ""}, "OBX^1^5^1^5"),
        ({"cda": CDA.replace("<ClinicalDocument", '<!DOCTYPE a [<!ENTITY b "c">]><ClinicalDocument', 1)}, "OBX^1^5^1^5"),
        ({"shape": "^TEXT^XML^Hex^"}, "OBX^1^5"),
        ({"shape": "^APPLICATION^PDF^Base64^"}, "OBX^1^5"),
        ({"code": "11502-2"}, "OBX^1^3^1^1"),
        ({"status": "D"}, "OBX^1^11"),
        ({"status": "X"}, "OBX^1^11"),
        ({"event": "MDM^T10^MDM_T02", "status": "C"}, "OBX^1^11"),
        ({"txa": "TXA|1|11490-0|TEXT|||||||||999^^1.2.3^ISO"}, "TXA^1^12"),
        ({"pid": ""}, "PID"),
        ({"pid": "PID|||8^^^CHU&1.9.9&ISO^PI||DURAND^PAUL^PAUL^^^^L||19610101|M"}, "OBX^1^5^1^5"),
        ({"flags": {"INVISIBLE_PATIENT": "Y", "DESTMSSANTEPAT": "Y"}}, "OBX^3^5^1^1"),
        ({"flags": {"MASQUE_PS": "Y", "DESTMSSANTEPS": "Y"}}, "OBX^3^5^1^1"),
        ({"flags": {"MASQUE_PS": "oui"}}, "OBX^2^5^1^1"),
        ({"event": "ORU^R01^ORU_R01", "status": "D"}, "OBX^1^5^1^5"),
        ({"cda": CDA.replace("<author>", "<auteur>").replace("</author>", "</auteur>")}, "OBX^1^5^1^5"),
        ({"cda": CDA.replace('"19500601"', '"1950-06-01"')}, "OBX^1^5^1^5"),
        ({"cda": CDA.replace("</ClinicalDocument>", "")}, "OBX^1^5^1^5"),
        ({"cda": "<lettre/>"}, "OBX^1^5^1^5"),
        ({"code": "99999-9", "cda": CDA.replace("11490-0", "99999-9")}, "OBX^1^3^1^1"),
        ({"cda": CDA.replace("2.16.840.1.113883.6.1", "2.16.840.1.113883.6.96")}, "OBX^1^3^1^1"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
async def test_a_fault_is_answered_where_it_is(access: Access, change: dict[str, Any], place: str) -> None:
    code, said, words = await answer_to(access, message(**change))
    assert code == "AE"
    assert said.startswith(place), words
    assert words
    assert not ENGLISH.search(words), words
    async with access.act(SEED) as ctx:
        assert await ctx.records.find("DocumentReference") == []


async def test_a_message_that_changes_the_visibility_of_its_document_is_taken_at_its_word(access: Access) -> None:
    await answer_to(access, message(flags={"INVISIBLE_PATIENT": "Y", "INVISIBLE_REP_LEGAUX": "Y"}))
    shown = message(flags={"INVISIBLE_PATIENT": "N", "INVISIBLE_REP_LEGAUX": "N", "MODIF_CONF_CODE": "Y"})
    code, _, words = await answer_to(access, shown.replace(b"|1|P|2.6", b"|2|P|2.6"))
    assert code == "AA"
    assert "visibilité" in words
    async with access.act(SEED) as ctx:
        [record] = await ctx.records.find("DocumentReference")
    assert [c["code"] for label in record["securityLabel"] for c in label["coding"]] == ["N"]


async def test_a_race_for_a_record_is_not_told_as_a_fault_of_the_document(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: Any, **__: Any) -> Any:
        raise Conflict("another writer changed the same resources at the same time: try again")

    monkeypatch.setattr(writing, "_run", lost)
    with pytest.raises(Conflict, match="another writer"):
        await answer_to(access, message())


async def test_what_is_hidden_from_one_may_be_sent_to_the_other(access: Access) -> None:
    flags = {"INVISIBLE_PATIENT": "Y", "DESTMSSANTEPAT": "N", "DESTMSSANTEPS": "Y", "DESTDMP": "Y"}
    assert (await answer_to(access, message(flags=flags)))[0] == "AA"


def test_base64_without_its_last_signs_loses_nothing() -> None:
    whole = base64.b64encode(CDA.encode() + b" ").decode()
    assert whole.endswith("=")
    [carried] = messages.documents_in(read(message(data=whole.rstrip("="))))
    assert carried.content == CDA.encode() + b" "


def test_a_message_without_a_document_is_refused() -> None:
    content = b"\r".join(line for line in message().split(b"\r") if not line.startswith(b"OBX"))
    with pytest.raises(Refused):
        messages.documents_in(read(content))
