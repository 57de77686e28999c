"""The DocumentReference of a document holds all that sharing needs."""

import base64
import hashlib
from pathlib import Path

import pytest

from maillage.services.documents.resources import cda
from maillage.services.documents.resources.coding import VISIBILITY
from maillage.services.documents.resources.document_reference import SHA256, Links, Original, Resource, document_reference

LETTER = "cda/selection/LDL-SES_2022.01.xml"
ID = "0b5f8f0e-52f4-4f0c-9d3e-0f5a0f0d6f10"
RECEIVED = "2026-11-22T01:00:00Z"


def record_of(content: bytes, links: Links | None = None, visibility: tuple[str, ...] = ()) -> Resource:
    document = cda.parse(content)
    body = cda.non_xml_body(document)
    return document_reference(
        document.header,
        Original.of(content),
        links or Links(patient="Patient/p1"),
        id=ID,
        received=RECEIVED,
        body_type=body.media_type if body else None,
        visibility=visibility,
    )


@pytest.mark.conformance
def test_a_discharge_letter_is_recorded_whole(shared_data: Path) -> None:
    content = (shared_data / LETTER).read_bytes()
    record = record_of(content)
    assert record["masterIdentifier"] == {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.213.1.1.1.29.2022.1.1"}
    assert {
        "use": "usual",
        "type": {"text": "setId"},
        "system": "urn:ietf:rfc:3986",
        "value": "urn:oid:1.2.250.1.213.1.1.1.29.2022.1",
    } in record["identifier"]
    assert record["status"] == "current"
    assert record["type"]["coding"][0]["system"] == "http://loinc.org"
    assert record["type"]["coding"][0]["code"] == "11490-0"
    assert record["subject"] == {"reference": "Patient/p1"}
    assert record["author"] == [{"reference": "#author-1", "display": "Dr Charles DAVID"}]
    assert record["authenticator"] == {"reference": "#authenticator", "display": "Pr Léon AUGUIN"}
    assert record["custodian"] == {"reference": "#custodian", "display": "Hôpital Européen Georges Pompidou"}
    assert record["description"] == "Lettre de liaison à la sortie de l'établissement de santé"
    assert record["securityLabel"][0]["coding"][0]["code"] == "N"
    context = record["context"]
    assert context["period"] == {"start": "2019-10-29T11:17:00+01:00", "end": "2019-12-03T13:30:00+01:00"}
    assert context["event"][0]["coding"][0]["code"] == "IMP"
    assert context["facilityType"]["coding"][0]["code"] == "SA01"
    assert context["practiceSetting"]["coding"][0]["code"] == "ETABLISSEMENT"
    assert context["sourcePatientInfo"] == {"reference": "#patient"}
    assert [e["valueReference"]["display"] for e in record["extension"]] == ["Dr Charles BOILEAU", "Mme Elsa DUCOUT"]
    [content_] = record["content"]
    assert content_["format"]["code"] == "urn:hl7ii:1.2.250.1.213.1.1.1.29:2022.01"


@pytest.mark.conformance
def test_the_record_proves_the_original_bytes(shared_data: Path) -> None:
    content = (shared_data / LETTER).read_bytes()
    record = record_of(content)
    attachment = record["content"][0]["attachment"]
    assert attachment["size"] == len(content)
    assert base64.b64decode(attachment["hash"]) == hashlib.sha1(content).digest()
    assert attachment["url"] == f"Binary/{ID}"
    assert {"system": SHA256, "value": hashlib.sha256(content).hexdigest()}.items() <= record["identifier"][1].items()


@pytest.mark.conformance
def test_the_patient_is_kept_as_the_document_names_them(shared_data: Path) -> None:
    held = {r["id"]: r for r in record_of((shared_data / LETTER).read_bytes())["contained"]}
    patient = held["patient"]
    assert patient["identifier"][0]["type"]["coding"][0]["code"] == "INS-NIR-TEST"
    assert (patient["identifier"][0]["system"], patient["identifier"][0]["value"]) == (
        "urn:oid:1.2.250.1.213.1.4.10",
        "279035121518989",
    )
    assert patient["name"][0]["extension"][0]["valueString"] == "DOMINIQUE MARIE-LOUISE"
    assert (patient["gender"], patient["birthDate"]) == ("female", "1979-03-28")
    assert patient["extension"][0]["valueAddress"]["extension"][0]["valueCoding"]["code"] == "51215"
    assert held["author-1"]["specialty"][0]["coding"][0]["code"] == "G15_10/SM27"


@pytest.mark.conformance
def test_every_contained_resource_is_referenced_and_nothing_is_empty(shared_data: Path) -> None:
    for folder in ("cda/selection", "tddui", "hl7v2"):
        for file in sorted((shared_data / folder).rglob("*.xml")):
            record = record_of(file.read_bytes())
            text = str(record)
            assert all(f"'#{held['id']}'" in text for held in record["contained"]), file.name
            assert not [path for path, value in _leaves(record) if value in ("", None, [], {})], file.name


def _leaves(value: object, path: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict) and value:
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, f"{path}.{key}")]
    if isinstance(value, list) and value:
        return [leaf for index, inner in enumerate(value) for leaf in _leaves(inner, f"{path}[{index}]")]
    return [(path, value)]


@pytest.mark.conformance
def test_a_level_1_document_says_its_format_and_a_report_its_class(shared_data: Path) -> None:
    record = record_of((shared_data / "cda/selection/TLM-CR_2022.01.xml").read_bytes())
    assert record["content"][0]["format"]["code"] == "urn:ihe:iti:xds-sd:pdf:2008"
    assert record["category"][0]["coding"][0] == {
        "system": "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument",
        "code": "10",
        "display": "Compte rendu",
    }


@pytest.mark.conformance
def test_a_replacement_points_to_what_it_replaces_known_or_not(shared_data: Path) -> None:
    content = (shared_data / "hl7v2/vague-2/RIS/remplacement_cr_imagerie.xml").read_bytes()
    [unknown] = record_of(content)["relatesTo"]
    identifier = {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.213.4.5.4.402"}
    assert unknown == {"code": "replaces", "target": {"type": "DocumentReference", "identifier": identifier}}
    links = Links(patient="Patient/p1", replaced={"1.2.250.1.213.4.5.4.402": "DocumentReference/old"})
    [known] = record_of(content, links)["relatesTo"]
    assert known["target"]["reference"] == "DocumentReference/old"


@pytest.mark.conformance
def test_who_the_directory_knows_is_linked(shared_data: Path) -> None:
    known = {
        "1.2.250.1.71.4.2.1^801234567897": "Practitioner/dr",
        "1.2.250.1.71.4.2.2^1750803447": "Organization/hegp",
    }
    record = record_of((shared_data / LETTER).read_bytes(), Links(patient="Patient/p1", known=known))
    assert {"reference": "Practitioner/dr", "display": "Dr Charles DAVID"} in record["author"]
    assert record["custodian"]["reference"] == "Organization/hegp"
    assert "custodian" not in {held["id"] for held in record["contained"]}


@pytest.mark.conformance
def test_who_may_not_see_it_is_labelled(shared_data: Path) -> None:
    record = record_of((shared_data / LETTER).read_bytes(), visibility=("MASQUE_PS", "INVISIBLE_PATIENT"))
    labels = [label["coding"][0] for label in record["securityLabel"]]
    assert [label["code"] for label in labels] == ["N", "MASQUE_PS", "INVISIBLE_PATIENT"]
    assert {label["system"] for label in labels[1:]} == {VISIBILITY}


@pytest.mark.conformance
def test_a_software_author_is_a_device(shared_data: Path) -> None:
    record = record_of((shared_data / "tddui/CDA_TDDUI_Exemple_v1.1.0.xml").read_bytes())
    [device] = [held for held in record["contained"] if held["resourceType"] == "Device"]
    assert record["author"] == [{"reference": "#author-1", "display": "ANS MonDUI"}]
    assert device["deviceName"] == [{"name": "ANS MonDUI", "type": "model-name"}]
