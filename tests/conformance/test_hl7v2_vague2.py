"""Every HL7 v2 message of the official examples (Ségur, vague 2), with the answer each must get, on real sockets."""

from collections.abc import AsyncIterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.clock import SystemClock
from maillage.config import Config
from maillage.connectors.mllp.client import Client
from maillage.connectors.mllp.er7 import Message
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.services.exchange.ports import mllp_door

pytestmark = pytest.mark.conformance

FILING = "Trans_Doc-CDA-HL7V2/TRANSMISSION_DOCS_CDA_EN_HL7V2_V2.1"
MAIL = "Trans_LPS_CDA_MSSanté/TRANSMISSION_LPS_DOC_CDA_COURRIEL_FROM_MSSANTE_V1.1"
ACCEPTED = ("AA", "", "")
NO_DOCUMENT = ("AE", "102", "OBX-5")
NO_HANDLER = ("AR", "200", "MSH-9")
TWO_PATIENTS = ("AE", "204", "OBX-5")
USED_IDENTIFIER = ("AE", "205", "OBX-5")

# Each sequence goes to a platform of its own, in this order: the answer (MSA-1), the error (ERR-3), the segment and field (ERR-2).
SEQUENCES: dict[str, dict[str, tuple[str, str, str]]] = {
    "Consentement_DMP_PAMFR": {
        "ConsentementConsultation_NonOppositionAlimentation.er7": ACCEPTED,
        "NonConsentementConsultation_NonOppositionAlimentation.er7": ACCEPTED,
        "NonConsentementConsultation_OppositionAlimentation.er7": ACCEPTED,
        "NonRecueillieConsentementConsultation_NonOppositionAlimentation.er7": ACCEPTED,
        "NonRecueillieConsentementConsultation_NonRecueillieOppositionAlimentation.er7": ACCEPTED,
    },
    f"{FILING}/MDM": {
        # « Document medcial au format CDA niveau 1 » in base64 where the document should be
        "Transmission initiale MDM/message_MDM_CR_Radio_INIT_N1.er7": NO_DOCUMENT,
        "Transmission initiale MDM/message_MDM_CR_Radio_INIT_N1_Base64.er7": ACCEPTED,
        "Remplacement MDM/message_MDM_CR_Radio_RPLC_N1.er7": ACCEPTED,
        "Suppression MDM/message_MDM_CR_Radio_DEL_N1.er7": ACCEPTED,
        # answers, which are no messages for a receiver
        "Remplacement MDM/ack.er7": NO_HANDLER,
        "Suppression MDM/ack.er7": NO_HANDLER,
    },
    f"{FILING}/ORU": {
        "Transmission initiale ORU/message_ORU_CR_Bio_INIT_N3_SEGUR.hl7": ACCEPTED,
        "Remplacement ORU/message_ORU_CR_Bio_RPLC_N3_SEGUR.hl7": ACCEPTED,
        # its PID is about 279035121518989, its document about 277076322082910
        "Suppression ORU/message_ORU_CR_Bio_DEL_N3_SEGUR.hl7": TWO_PATIENTS,
    },
    MAIL: {
        "Transmission initiale MDM/message_MDM__LPS_MSS_CR_Radio_INIT_N1.er7": NO_DOCUMENT,
        "Transmission initiale MDM/message_MDM__LPS_MSS_CR_Radio_INIT_N1_Base64.er7": ACCEPTED,
        "Remplacement MDM/message_MDM__LPS_MSS_CR_Radio_RPLC_N1.er7": ACCEPTED,
        "Suppression MDM/message_MDM__LPS_MSS_CR_Radio_DEL_N1.er7": ACCEPTED,
        "Transmission initiale MDM/ack.er7": NO_HANDLER,
        "Remplacement MDM/ack.er7": NO_HANDLER,
        "Suppression MDM/ack.er7": NO_HANDLER,
    },
}


@pytest.fixture
async def client(database: Database, tmp_path: Path) -> AsyncIterator[Client]:
    for service in ("identity", "documents"):
        import_module(f"maillage.services.{service}.ports")
    clock = SystemClock()
    files = LocalFiles(tmp_path / "files")
    access = Access(database, store=Store(), files=files, clock=clock)
    platform = Platform(replace(Config(), mllp="127.0.0.1:0"), clock, database, files, access)
    async with mllp_door(platform) as address, await Client.connect(*address) as connected:
        yield connected


@pytest.fixture
def folder(shared_data: Path) -> Path:
    return shared_data / "hl7v2" / "vague-2"


def outcome(answer: Message) -> tuple[str, str, str]:
    if answer.value("MSA-1") == "AA":
        return ACCEPTED
    place = "-".join(filter(None, (answer.value("ERR-2.1"), answer.value("ERR-2.3"))))
    return answer.value("MSA-1"), answer.value("ERR-3"), place


def test_every_official_message_has_an_answer_written_down(folder: Path) -> None:
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".er7", ".hl7")}
    assert present == {f"{sequence}/{name}" for sequence, answers in SEQUENCES.items() for name in answers}


@pytest.mark.parametrize("sequence", SEQUENCES)
async def test_each_official_message_gets_its_answer(client: Client, database: Database, folder: Path, sequence: str) -> None:
    answers = SEQUENCES[sequence]
    contents = {name: (folder / sequence / name).read_bytes() for name in answers}
    assert {name: outcome(await client.send(content)) for name, content in contents.items()} == answers
    async with database.transaction() as connection:
        cursor = await connection.execute(b"select original from exchange_quarantine")
        kept = {bytes(row["original"]) for row in await cursor.fetchall()}
    assert kept == {content for name, content in contents.items() if answers[name] != ACCEPTED}


async def test_the_same_document_sent_by_two_ways_with_other_bytes_is_refused(client: Client, folder: Path) -> None:
    filed = folder / FILING / "MDM/Transmission initiale MDM/message_MDM_CR_Radio_INIT_N1_Base64.er7"
    mailed = folder / MAIL / "Transmission initiale MDM/message_MDM__LPS_MSS_CR_Radio_INIT_N1_Base64.er7"
    assert outcome(await client.send(filed.read_bytes())) == ACCEPTED
    assert outcome(await client.send(mailed.read_bytes())) == USED_IDENTIFIER


async def test_the_replacement_of_a_document_never_received_is_taken(client: Client, folder: Path) -> None:
    """A hospital may send the first version elsewhere: what is true now must not be lost for it."""
    replacement = folder / FILING / "MDM/Remplacement MDM/message_MDM_CR_Radio_RPLC_N1.er7"
    assert outcome(await client.send(replacement.read_bytes())) == ACCEPTED
