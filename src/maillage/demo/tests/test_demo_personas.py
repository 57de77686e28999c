"""The personas of the demonstration."""

from maillage.demo.claims import claims_of
from maillage.demo.numbers import luhn_valid
from maillage.demo.personas import PERSONAS, WORKPLACES, granted_role, persona

ROLES = [
    "gp",
    "nurse",
    "hospital",
    "regulator",
    "coordinator",
    "social-worker",
    "patient",
    "carer",
    "guardian",
    "steward",
    "operator",
    "officer",
    "ars",
    "editor",
    "other-patient",
    "outsider",
    "system",
]


def test_each_role_is_there_once():
    assert sorted(one.role for one in PERSONAS) == sorted(ROLES)
    assert len({one.reference for one in PERSONAS}) == len(PERSONAS)


def test_numbers_have_valid_keys():
    assert all(luhn_valid(one.rpps) for one in PERSONAS if one.rpps)
    assert all(luhn_valid(place.finess) for place in WORKPLACES)


def test_a_card_speaks_as_pro_sante_connect_does():
    claims = claims_of(persona("gp"))
    assert claims["SubjectNameID"] == claims["preferred_username"] == "8" + persona("gp").rpps
    assert claims["SubjectRole"] == ["10^1.2.250.1.213.1.1.5.5"]
    assert claims["Secteur_Activite"].endswith("^1.2.250.1.71.4.2.4")
    exercise = claims["SubjectRefPro"]["exercices"][0]
    assert exercise["activities"][0]["numeroFinessSite"] == persona("gp").workplace.finess


def test_those_without_a_card_have_no_claim_of_pro_sante_connect():
    assert not any("SubjectNameID" in claims_of(one) for one in PERSONAS if not one.card)
    assert {one.role for one in PERSONAS if one.card} == {
        "gp", "nurse", "hospital", "regulator", "coordinator", "outsider",
    }  # fmt: skip


def test_a_role_of_the_demonstration_only_is_granted_as_a_real_one():
    assert [granted_role(persona(role)) for role in ("outsider", "other-patient", "gp")] == ["gp", "patient", "gp"]
