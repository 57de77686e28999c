"""SMART scopes: read, refused with what would be right, compared, and said in French."""

import pytest

from maillage.access.scope_words import scope_words
from maillage.access.scopes import SPECIAL, grantable, scope_of, scopes_of
from maillage.errors import Invalid

LAB = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
VITAL = "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("patient/Observation.rs", "patient/Observation.rs"),
        ("user/*.cruds", "user/*.cruds"),
        ("system/Patient.r", "system/Patient.r"),
        ("patient/Observation.read", "patient/Observation.rs"),
        ("patient/Observation.write", "patient/Observation.cud"),
        ("system/*.*", "system/*.cruds"),
        (f"patient/Observation.rs?category={LAB}", f"patient/Observation.rs?category={LAB}"),
        ("patient/Observation.rs?category=http%3A%2F%2Fx%7Cb,a", "patient/Observation.rs?category=a,http://x|b"),
        ("user/Observation.rs?status=final&category=x", "user/Observation.rs?category=x&status=final"),
        ("user/DocumentReference.rs?_tag=urn:t|é%20b", "user/DocumentReference.rs?_tag=urn:t|%C3%A9%20b"),
    ],
)
def test_a_scope_has_one_canonical_form(written: str, canonical: str) -> None:
    assert str(scope_of(written)) == canonical
    assert scope_of(canonical) == scope_of(written)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("Observation.rs", "a scope is patient/"),
        ("group/Observation.rs", "'group' is not one of patient, user, system"),
        ("patient/Observations.rs", "no resource type 'Observations'"),
        ("patient/Observation.sr", "in this order"),
        ("patient/Observation.rr", "each once"),
        ("patient/Observation.", "a scope is patient/"),
        ("patient/Observation.x", "letters of cruds"),
        ("patient/Observation.read?category=x", "version 1"),
        ("patient/*.rs?_tag=x", "needs a type"),
        ("patient/Observation.rs?", "name=value"),
        ("patient/Observation.rs?nothing=x", "no search parameter nothing"),
        ("patient/Observation.rs?category=", "a value is missing"),
        ("patient/Observation.rs?category=x,,y", "an empty value"),
        ("patient/Observation.rs?category:in=http://vs", "modifiers, chains"),
        ("patient/Observation.rs?category:not=x", "modifiers, chains"),
        ("patient/Observation.rs?subject.name=x", "modifiers, chains"),
        ("patient/Patient.rs?_has:Observation:subject:code=x", "modifiers, chains"),
        ("patient/Observation.rs?date=ge2020", "(date) does not restrict"),
        ("patient/Patient.rs?name=x", "(string) does not restrict"),
        ("patient/Observation.rs?value-quantity=5", "(quantity) does not restrict"),
        ("patient/Observation.rs?category=%00", "does not restrict"),
        ("patient/AuditEvent.rs?type=rest", "AuditEvent"),
        ("patient/Observation.rs?" + "&".join(f"code=c{n}" for n in range(9)), "are the most"),
        ("", "a scope is patient/"),
    ],
)
def test_what_is_no_scope_is_refused_with_what_would_be(written: str, why: str) -> None:
    with pytest.raises(Invalid) as refusal:
        scope_of(written)
    assert why in refusal.value.message


def test_a_list_names_each_of_its_faults() -> None:
    with pytest.raises(Invalid) as refusal:
        scopes_of("openid patient/Nothing.rs user/*.rs user/Patient.z")
    assert len(refusal.value.issues) == 2
    with pytest.raises(Invalid, match="at most"):
        scopes_of(" ".join(["user/*.rs"] * 101))


def test_a_list_is_written_once_and_in_order() -> None:
    found = scopes_of("user/Patient.s  user/Patient.r offline_access openid user/Patient.rs launch/patient")
    assert str(found) == "openid launch/patient offline_access user/Patient.rs"
    assert scopes_of("user/*.rs user/Patient.r").texts == ("user/*.rs",)
    assert set(scopes_of(" ".join(SPECIAL)).special) == set(SPECIAL)


@pytest.mark.parametrize(
    ("asked", "registered", "granted"),
    [
        ("patient/Observation.rs", "patient/*.cruds", "patient/Observation.rs"),
        ("patient/*.cruds", "patient/Observation.rs", "patient/Observation.rs"),
        ("patient/Observation.cruds", "patient/Observation.rs patient/Observation.c", "patient/Observation.crs"),
        ("patient/Observation.rs", "user/*.cruds", ""),
        ("user/Observation.rs", "patient/*.cruds", ""),
        ("patient/Observation.rs", "patient/Condition.rs", ""),
        ("patient/Observation.d", "patient/*.rs", ""),
        ("patient/Observation.rs", f"patient/Observation.rs?category={LAB}", f"patient/Observation.rs?category={LAB}"),
        (f"patient/Observation.rs?category={LAB}", "patient/*.rs", f"patient/Observation.rs?category={LAB}"),
        (
            f"patient/Observation.rs?category={LAB}",
            f"patient/Observation.rs?category={LAB},{VITAL}",
            f"patient/Observation.rs?category={LAB}",
        ),
        (
            f"patient/Observation.rs?category={LAB},{VITAL}",
            f"patient/Observation.rs?category={LAB}",
            f"patient/Observation.rs?category={LAB}",
        ),
        (
            "patient/Observation.rs?status=final",
            f"patient/Observation.rs?category={LAB}",
            f"patient/Observation.rs?category={LAB}&status=final",
        ),
        ("openid fhirUser patient/*.read", "openid patient/*.rs", "openid patient/*.rs"),
        ("offline_access", "openid", ""),
    ],
)
def test_what_is_granted_is_what_both_open(asked: str, registered: str, granted: str) -> None:
    assert str(grantable(scopes_of(asked), scopes_of(registered))) == granted


def test_a_scope_within_another_opens_nothing_more() -> None:
    lab = scope_of(f"patient/Observation.rs?category={LAB}")
    assert lab.within(scope_of("patient/Observation.rs"))
    assert lab.within(scope_of(f"patient/Observation.cruds?category={LAB},{VITAL}"))
    assert not scope_of("patient/Observation.rs").within(lab)
    assert not lab.within(scope_of("patient/Observation.r"))
    assert not lab.within(scope_of("user/*.cruds"))


def test_a_scope_is_said_in_plain_french() -> None:
    def said(text: str) -> str:
        return scope_words(scope_of(text), whose="de Mme Durand")

    assert said("patient/Observation.rs") == "Lire les observations (mesures et résultats) de Mme Durand"
    assert said("patient/*.cruds") == "Lire, ajouter, modifier et supprimer toutes les données de Mme Durand"
    assert said(f"patient/Observation.r?category={LAB},{VITAL}").endswith(
        "(catégorie : résultats de laboratoire, constantes vitales)"
    )
    assert said("user/Patient.s") == "Chercher l'identité de toutes les personnes que vous suivez"
    assert said("system/Task.cu") == "Ajouter et modifier les tâches de toutes les personnes"
    assert said("patient/Basic.d") == "Supprimer les données de type Basic de Mme Durand"
