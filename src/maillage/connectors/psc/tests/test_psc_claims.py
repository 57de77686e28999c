"""Who a sign-in is about, from the claims of the providers."""

import json
from pathlib import Path

import pytest

from maillage.access.actors import Role
from maillage.connectors.psc import SignInRefused, carded, cardless


def professional(**said: object) -> dict[str, object]:
    return {
        "sub": "f:1:899700218896",
        "SubjectNameID": "899700218896",
        "family_name": "EXEMPLE",
        "given_name": "Camille",
        "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"],
        "Secteur_Activite": "SA07^1.2.250.1.71.4.2.4",
        "SubjectRefPro": {"exercices": [{"codeProfession": "10", "codeCiviliteDexercice": "DR", "codeSavoirFaire": "SM54"}]},
    } | said


def account(**said: object) -> dict[str, object]:
    return {"sub": "f:1:maillage:patient", "given_name": "Dominique", "family_name": "PAT-TROIS"} | said


def test_a_doctor_in_a_practice_is_a_general_practitioner() -> None:
    person = carded(professional())
    assert (person.idnps, person.rpps, person.role, person.name) == ("899700218896", "99700218896", Role.GP, "Dr Camille EXEMPLE")


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"Secteur_Activite": "SA01^1.2.250.1.71.4.2.4"}, Role.HOSPITAL),
        ({"Secteur_Activite": "SA57^1.2.250.1.71.4.2.4", "SubjectRole": ["60^1.2.250.1.213.1.1.5.5"]}, Role.COORDINATOR),
        ({"SubjectRole": ["60^1.2.250.1.213.1.1.5.5"]}, Role.NURSE),
        ({"SubjectRole": ["21^1.2.250.1.213.1.1.5.5"]}, Role.PROFESSIONAL),
        ({"SubjectRefPro": {"exercices": [{"codeSavoirFaire": "SM04"}]}}, Role.PROFESSIONAL),
    ],
)
def test_the_role_comes_from_profession_sector_and_skill(said: dict[str, object], role: Role) -> None:
    assert carded(professional(**said)).role is role


def test_each_activity_is_a_practice_with_its_role() -> None:
    practice = {"codeSecteurDactivite": "SA07", "numeroFinessSite": "510000002", "raisonSocialeSite": "Cabinet"}
    ward = {"codeSecteurDactivite": "SA01", "numeroSiretSite": "12345678900012", "raisonSocialeSite": "CH"}
    doctor = {"codeProfession": "10", "codeSavoirFaire": "SM54", "activities": [practice, ward, practice]}
    nurse = {"codeProfession": "60", "activities": [practice]}
    found = carded(professional(SubjectRefPro={"exercices": [doctor, nurse]})).practices
    assert [(one.finess, one.siret, one.name, one.role) for one in found] == [
        ("510000002", "", "Cabinet", Role.GP),
        ("", "12345678900012", "CH", Role.HOSPITAL),
        ("510000002", "", "Cabinet", Role.NURSE),
    ]


def test_a_sign_in_without_a_national_identifier_is_refused() -> None:
    with pytest.raises(SignInRefused, match="SubjectNameID"):
        carded(professional(SubjectNameID="", preferred_username=""))


def test_a_patients_account_names_their_record() -> None:
    person = cardless(account(maillage_role="patient", maillage_reference="Patient/7"), {})
    assert (person.role, person.reference, person.name) == (Role.PATIENT, "Patient/7", "Dominique PAT-TROIS")


@pytest.mark.parametrize("role", ["gp", "nurse", "hospital", "coordinator", "professional", "system", "job", "king", None])
def test_an_account_without_a_card_cannot_claim_a_role_of_care_or_of_a_machine(role: str | None) -> None:
    with pytest.raises(SignInRefused):
        cardless(account(maillage_role=role, maillage_reference="Practitioner/1"), {"amr": ["fido"]})


@pytest.mark.parametrize("role", ["patient", "carer"])
def test_a_patients_account_without_a_record_is_refused(role: str) -> None:
    with pytest.raises(SignInRefused, match="record"):
        cardless(account(maillage_role=role), {})


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("name", "idnps", "rpps"),
    [
        ("PSC_UserInfo_medecin_899700218896.json", "899700218896", "99700218896"),
        ("UserInfo_UserInfo_site_PSC.json", "ANS20210107161422", None),
        ("userInfos.json", "899700218896", "99700218896"),
    ],
)
def test_the_published_samples_of_userinfo_are_understood(shared_data: Path, name: str, idnps: str, rpps: str | None) -> None:
    text = (shared_data / "psc" / name).read_text("utf-8")
    if name.startswith("PSC_UserInfo"):  # published with one bracket too many
        text = text.replace('""\n                ]\n            }', '""\n            }')
    person = carded(json.loads(text))
    assert (person.idnps, person.rpps, person.role) == (idnps, rpps, Role.GP)
