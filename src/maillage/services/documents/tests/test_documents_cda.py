"""Every official document is read, and says what its XML says."""

import base64
from pathlib import Path

import pytest

from maillage.errors import Invalid
from maillage.services.documents.resources import cda
from maillage.services.documents.resources.header import InstanceId
from maillage.services.documents.resources.moments import day_of, moment

SELECTION = "cda/selection"
RIS = "hl7v2/vague-2/RIS"
ORU = "hl7v2/vague-2/Trans_Doc-CDA-HL7V2/TRANSMISSION_DOCS_CDA_EN_HL7V2_V2.1/ORU"

# file: id, type, created, set, version, author, author's specialty, custodian, replaced, practice setting, facility, body type or sections
EXPECTED = {
    f"{SELECTION}/DLU-EHPAD-DLU_2022.01.xml": (
        "1.2.250.1.213.1.1.1.22.2022.1.1", "74207-2", "2020-03-27T15:35:00+01:00", "1.2.250.1.213.1.1.1.22.2022.1", 1,
        "Dr Charles BOILEAU", "G15_10/SM26", "EHPAD DE BOULOGNE-BILLANCOURT", [], "ETABLISSEMENT", "SA17", 12,
    ),
    f"{SELECTION}/eP-MED-DM_2024.01_PosoStruct.xml": (
        "1.2.250.1.213.1.1.1.39.2024.2.1", "57833-6", "2023-12-01T09:30:00+01:00", "1.2.250.1.213.1.1.1.39.2024.2", 1,
        "Dr Romain PIOU", "G15_10/SM26", "Cabinet du DR Pierre JOLI", [], "AMBULATOIRE", "SA07", 7,
    ),
    f"{SELECTION}/IPS-FR_2024.01.xml": (
        "1.2.250.1.213.1.1.1.51.2024.1.1", "60591-5", "2024-04-02T11:17:00+01:00", "1.2.250.1.213.1.1.1.51.2024.1", 2,
        "Dr Stéphane MEDIONI", "G15_10/SM26", "Centre de soins le Belvédère", ["8d5e778c-e155-4685-95c6-5ff65a362964"],
        "ETABLISSEMENT", "SA04", 19,
    ),
    f"{SELECTION}/LDL-SES_2022.01.xml": (
        "1.2.250.1.213.1.1.1.29.2022.1.1", "11490-0", "2019-12-03T13:30:00+01:00", "1.2.250.1.213.1.1.1.29.2022.1", 1,
        "Dr Charles DAVID", "G15_10/SM27", "Hôpital Européen Georges Pompidou", [], "ETABLISSEMENT", "SA01", 9,
    ),
    f"{SELECTION}/LDL-EES_2022.01.xml": (
        "1.2.250.1.213.1.1.1.21.2022.1.1", "18761-7", "2019-10-29T11:17:00+01:00", "1.2.250.1.213.1.1.1.21.2022.1", 1,
        "Dr Charles BOILEAU", "G15_10/SM26", "Centre de soins du Belvédère", [], "ETABLISSEMENT", "SA01", 6,
    ),
    f"{SELECTION}/CANCER-PPS_2022.01_Autopresentable.xml": (
        "1.2.250.1.213.1.1.1.26.2022.1.1", "18776-5", "2021-01-13T12:17:00+01:00", "1.2.250.1.213.1.1.1.26.2022.1", 1,
        "Dr Charles MULLER", "G15_10/SM36", "Centre de coordination en cancérologie d'ANGERS", [], "ETABLISSEMENT", "SA01", 10,
    ),
    f"{SELECTION}/VAC_2023.01.xml": (
        "1.2.250.1.213.1.1.1.37.2023.1.1", "11369-6", "2021-04-09T17:00:00+01:00", "1.2.250.1.213.1.1.1.37.2023.1", 1,
        "Dr Charles MULLER", "G15_10/SM26", "Assurance Maladie", [], "AMO", "SA24", 1,
    ),
    f"{SELECTION}/VAC-NOTE_2023.01.xml": (
        "1.2.250.1.213.1.1.1.46.2023.1.1", "87273-9", "2021-04-09T15:35:00+01:00", "1.2.250.1.213.1.1.1.46.2023.1", 1,
        "Dr Charles MULLER", "G15_10/SM26", "Cabinet médical du Dr MULLER", [], "AMBULATOIRE", "SA07", 1,
    ),
    f"{SELECTION}/TLM-CR_2022.01.xml": (
        "1.3.6.1.4.1.19376.1.2.20.2022.1.1", "85208-7", "2020-03-27T15:35:00+01:00", "1.3.6.1.4.1.19376.1.2.20.2022.1", 1,
        "Dr Olivier DUMAS", "G15_10/SM26", "GRP HOSP UNIVERSITAIRE PARIS OUEST SITE G POMPIDOU APHP", [],
        "ETABLISSEMENT", "SA03", "application/pdf",
    ),
    f"{SELECTION}/DOC_NON_STRUCTURE_CDA-R2-N1.xml": (
        "1.3.6.1.4.1.19376.1.2.20.12345.1.1", "11502-2", "2021-04-01T13:47:45+01:00", "1.3.6.1.4.1.19376.1.2.20.12345.1", 1,
        "Dr Marcel CAMPARINI", "G15_10/SM03", "Laboratoire des charmes", [], "AMBULATOIRE", "SA07", "application/pdf",
    ),
    "tddui/CDA_TDDUI_Exemple_v1.0.1.xml": (
        "1.2.250.2345.3245.13.58130.1", "EXPORT_DUI", "2023-04-14T11:15:00+02:00", "1.2.250.2345.3245.13.58130", 1,
        "ANS MonDUI", "LOGICIEL_DUI", "SSIAD Les Chênes Verts", [], "ESSMS", "SA41", 4,
    ),
    "tddui/CDA_TDDUI_Exemple_v1.1.0.xml": (
        "1.2.250.2345.3245.13.58130.1", "EXPORT_DUI", "2023-04-14T11:15:00+02:00", "1.2.250.2345.3245.13.58130", 1,
        "ANS MonDUI", "LOGICIEL_DUI", "SSIAD Les Chênes Verts", [], "ESSMS", "SA41", 4,
    ),
    f"{RIS}/transmission_initiale_cr_imagerie.xml": (
        "1.2.250.1.213.4.5.4.402", "18748-4", "2021-01-08T11:17:00+01:00", "d52de737-001d-4031-b571-0a0ed7c42300", 1,
        "Dr Jacques BIDEAULT", "G15_10/SM44", "Centre de radiologie Ambroise", [], "AMBULATOIRE", "SA08", "application/pdf",
    ),
    f"{RIS}/remplacement_cr_imagerie.xml": (
        "1.2.250.1.213.4.5.4.403", "18748-4", "2021-01-08T11:17:00+01:00", "d52de737-001d-4031-b571-0a0ed7c42300", 2,
        "Dr Jacques BIDEAULT", "G15_10/SM44", "Centre de radiologie Ambroise", ["1.2.250.1.213.4.5.4.402"],
        "AMBULATOIRE", "SA08", "application/pdf",
    ),
    f"{RIS}/suppression_cr_imagerie.xml": (
        "1.2.250.1.213.4.5.4.403", "18748-4", "2021-01-08T11:17:00+01:00", "d52de737-001d-4031-b571-0a0ed7c42300", 2,
        "Dr Jacques BIDEAULT", "G15_10/SM44", "Centre de radiologie Ambroise", ["1.2.250.1.213.4.5.4.402"],
        "AMBULATOIRE", "SA08", "application/pdf",
    ),
    f"{ORU}/Transmission initiale ORU/SEGUR_CR-BIO_2023.01_Electrophorese.xml": (
        "1.2.250.1.213.1.1.12", "11502-2", "2021-01-04T16:05:27+01:00", "1.2.250.1.213.1.1.9", 1,
        "Dr Marcel CAMPARINI", "G15_10/SM03", "Laboratoire des charmes", [], "AMBULATOIRE", "SA25", 6,
    ),
    f"{ORU}/Remplacement ORU/SEGUR_CR_Bio_CDA_Niv3_v2.xml": (
        "1.2.250.1.213.1.1.13", "11502-2", "2021-01-04T16:05:27+01:00", "1.2.250.1.213.1.1.9", 2,
        "Dr Marcel CAMPARINI", "G15_10/SM03", "Laboratoire des charmes", ["1.2.250.1.213.1.1.12"], "AMBULATOIRE", "SA25", 6,
    ),
    f"{ORU}/Suppression ORU/SEGUR_CR_Bio_CDA_Niv3_v2.xml": (
        "1.2.250.1.213.1.1.13", "11502-2", "2021-01-04T16:05:27+01:00", "1.2.250.1.213.1.1.9", 2,
        "Dr Marcel CAMPARINI", "G15_10/SM03", "Laboratoire des charmes", ["1.2.250.1.213.1.1.12"], "AMBULATOIRE", "SA25", 6,
    ),
}  # fmt: skip


@pytest.mark.conformance
@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: Path(path).stem)
def test_an_official_document_says_what_its_xml_says(shared_data: Path, path: str) -> None:
    document = cda.parse((shared_data / path).read_bytes())
    header = document.header
    body = cda.non_xml_body(document)
    said = (
        header.id.text,
        header.type.code,
        header.created,
        header.set_id.text if header.set_id else None,
        header.version,
        header.authors[0].text,
        header.authors[0].specialty.code if header.authors[0].specialty else None,
        header.custodian.name,
        [parent.text for parent in header.replaces],
        header.practice_setting.code if header.practice_setting else None,
        header.encounter.facility_type.code if header.encounter and header.encounter.facility_type else None,
        body.media_type if body else len(cda.sections(document)),
    )
    assert said == EXPECTED[path]
    assert (header.confidentiality.code, header.language) == ("N", "fr-FR")
    if body:
        assert body.data.startswith(b"%PDF-")


@pytest.mark.conformance
def test_no_official_document_is_left_out_of_the_table(shared_data: Path) -> None:
    folders = [shared_data / "cda/selection", shared_data / "tddui", shared_data / "hl7v2"]
    assert {str(f.relative_to(shared_data)) for folder in folders for f in folder.rglob("*.xml")} == set(EXPECTED)


@pytest.mark.conformance
def test_the_official_test_patient_is_read_whole(shared_data: Path) -> None:
    subject = cda.parse((shared_data / SELECTION / "LDL-SES_2022.01.xml").read_bytes()).header.subject
    assert subject.ins == InstanceId("1.2.250.1.213.1.4.10", "279035121518989")
    assert (subject.birth_family, subject.birth_given_list, subject.first_given) == (
        "PAT-TROIS",
        "DOMINIQUE MARIE-LOUISE",
        "DOMINIQUE",
    )
    assert (subject.used_family, subject.used_given) == ("PAT-TROIS", "DOMINIQUE")
    assert (subject.birth_date, subject.sex, subject.birthplace) == ("1979-03-28", "F", "51215")
    assert subject.identifiers == (InstanceId("1.2.3.4.567.8.9.10", "1234567890121"),)
    assert subject.address.lines == ("28 Avenue de Breteuil", "Escalier A")
    assert "mailto:279035121518989@patient.mssante.fr" in subject.telecoms


@pytest.mark.conformance
def test_a_discharge_letter_names_who_answers_for_it_and_who_receives_it(shared_data: Path) -> None:
    header = cda.parse((shared_data / SELECTION / "LDL-SES_2022.01.xml").read_bytes()).header
    assert header.legal_authenticator is not None
    assert header.legal_authenticator.text == "Pr Léon AUGUIN"
    assert [(r.text, r.id.extension if r.id else "") for r in header.recipients] == [
        ("Dr Charles BOILEAU", "801234567897"),
        ("Mme Elsa DUCOUT", "801234567896"),
    ]
    assert (header.period.start, header.period.end) == ("2019-10-29T11:17:00+01:00", "2019-12-03T13:30:00+01:00")
    assert [event.code.code for event in header.events if event.code] == ["IMP"]
    assert header.authors[0].id == InstanceId("1.2.250.1.71.4.2.1", "801234567897")
    assert header.custodian.id == InstanceId("1.2.250.1.71.4.2.2", "1750803447")


@pytest.mark.parametrize(
    ("hl7", "fhir"),
    [
        ("20210409094914.827+0100", "2021-04-09T09:49:14.827+01:00"),
        ("202101040735+0100", "2021-01-04T07:35:00+01:00"),
        ("20050411103328", "2005-04-11T10:33:28+02:00"),
        ("20210104", "2021-01-04"),
        ("2021", "2021"),
        ("20210409170000Z", "2021-04-09T17:00:00Z"),
    ],
)
def test_a_time_without_offset_is_french_civil_time(hl7: str, fhir: str) -> None:
    assert moment(hl7) == fhir


def test_an_unknown_day_of_birth_is_left_out() -> None:
    assert (day_of("19790328"), day_of("19790300"), day_of("19790000")) == ("1979-03-28", "1979-03", "1979")


@pytest.mark.parametrize("wrong", ["20211345", "20210230", "hier", "2021-04-09", "20210409256000+0100"])
def test_a_time_that_is_none_is_said(wrong: str) -> None:
    with pytest.raises(ValueError):
        moment(wrong)


MINIMAL = """<?xml version="1.0" encoding="{encoding}"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="{id}"/><code code="11490-0" codeSystem="2.16.840.1.113883.6.1"/>
<title>Lettre d'été à l'hôpital</title><effectiveTime value="20260105"/><recordTarget><patientRole><id root="1.9" extension="7"/><patient>
<name><family>MARTIN</family><given>Zoé</given></name></patient></patientRole></recordTarget><author><time value="20260105"/>
<assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="8101"/></assignedAuthor></author><custodian><assignedCustodian>
<representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" extension="1330"/></representedCustodianOrganization>
</assignedCustodian></custodian><component><nonXMLBody><text mediaType="application/pdf" representation="B64">{body}</text>
</nonXMLBody></component></ClinicalDocument>"""


def minimal(*, encoding: str = "UTF-8", id: str = "1", body: str = "JVBERi0=") -> str:
    return MINIMAL.format(encoding=encoding, id=id, body=body)


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "ISO-8859-15", "UTF-16", "windows-1252"])
def test_bytes_are_read_in_the_encoding_they_declare(encoding: str) -> None:
    document = cda.parse(minimal(encoding=encoding).encode(encoding))
    assert document.header.title == "Lettre d'été à l'hôpital"
    assert document.header.subject.birth_given_list == "Zoé"


@pytest.mark.parametrize(
    ("taken_out", "place"),
    [
        ('<id root="1.2.3" extension="1"/>', "ClinicalDocument/id"),
        ('<code code="11490-0" codeSystem="2.16.840.1.113883.6.1"/>', "ClinicalDocument/code"),
        ('<effectiveTime value="20260105"/>', "ClinicalDocument/effectiveTime"),
        ('<assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="8101"/></assignedAuthor>', None),
    ],
)
def test_a_missing_mandatory_element_is_named(taken_out: str, place: str | None) -> None:
    text = minimal().replace(taken_out, "")
    if place is None:
        assert cda.parse(text.encode()).header.authors[0].id is None
        return
    with pytest.raises(Invalid) as caught:
        cda.parse(text.encode())
    assert [issue.expression for issue in caught.value.issues] == [place]


def test_two_patients_in_one_document_are_refused() -> None:
    target = minimal().partition("<recordTarget>")[2].partition("</recordTarget>")[0]
    text = minimal().replace("<author>", f"<recordTarget>{target}</recordTarget><author>", 1)
    with pytest.raises(Invalid, match="exactly one patient, 2 found"):
        cda.parse(text.encode())


def test_broken_base64_in_the_body_is_named() -> None:
    document = cda.parse(minimal(body="JVBE*Ri0=").encode())
    with pytest.raises(Invalid, match="component/nonXMLBody/text"):
        cda.non_xml_body(document)


def test_a_plain_text_body_is_read_as_it_is() -> None:
    text = minimal(body="Bonjour").replace(' representation="B64"', "").replace("application/pdf", "text/plain")
    assert cda.non_xml_body(cda.parse(text.encode())) == cda.EmbeddedFile("text/plain", b"Bonjour")


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]><ClinicalDocument xmlns="urn:hl7-org:v3"><title>&lol3;</title>
</ClinicalDocument>"""
EXTERNAL = """<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><ClinicalDocument xmlns="urn:hl7-org:v3">
<title>&x;</title></ClinicalDocument>"""
DTD = '<!DOCTYPE ClinicalDocument SYSTEM "http://127.0.0.1:1/evil.dtd"><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
DEEP = '<ClinicalDocument xmlns="urn:hl7-org:v3">' + "<a>" * 5000 + "</a>" * 5000 + "</ClinicalDocument>"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB.encode(), "DOCTYPE"),
        (EXTERNAL.encode(), "DOCTYPE"),
        (DTD.encode(), "DOCTYPE"),
        (BOMB.encode("utf-16"), "DOCTYPE"),
        (BOMB.replace('version="1.0"', 'version="1.0" encoding="IBM037"').encode("cp037"), "not an XML document"),
        (DEEP.encode(), "cannot be read"),
        (minimal(body="A" * 11_000_000).encode(), "cannot be read"),
        (b"Document medcial au format CDA niveau 1", "not an XML document"),
        (b"", "not an XML document"),
        (b"%PDF-1.7", "not an XML document"),
        (b"<html><body/></html>", "is a html, not an HL7 ClinicalDocument"),
        (minimal().encode()[:400], "cannot be read"),
        (minimal().replace("urn:hl7-org:v3", "urn:other").encode(), "not an HL7 ClinicalDocument"),
    ],
    ids=["bomb", "external", "dtd", "bomb16", "ebcdic", "deep", "huge", "text", "empty", "pdf", "html", "cut", "namespace"],
)
def test_what_is_not_a_safe_clinical_document_is_refused_with_its_rule(content: bytes, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        cda.parse(content)


def test_a_self_presenting_document_gives_the_document_it_holds() -> None:
    held = minimal().partition("?>")[2]
    sheet = (
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:d="urn:asip-sante:ci-sis">'
        f"<d:Contenu>{held}</d:Contenu></xsl:stylesheet>"
    )
    assert cda.parse(sheet.encode()).header.id.text == "1.2.3^1"


def test_the_bytes_of_a_body_are_exact() -> None:
    data = bytes(range(256)) * 3
    document = cda.parse(minimal(body=base64.encodebytes(data).decode()).encode())
    assert cda.non_xml_body(document) == cda.EmbeddedFile("application/pdf", data)
