"""The directory: who cares for whom, and finding people and places."""

from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.db import count_statements
from maillage.services.directory.public import circle, circles, find_practitioner, general_practitioner, organization_by_finess
from maillage.services.directory.rules import kind_of, wanted
from maillage.services.directory.service import search
from tests.support.people import SEED, care_team, professional

RPPS = "https://rpps.esante.gouv.fr"
FINESS = "https://finess.esante.gouv.fr"
SECTORS = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"


def practitioner(id: str, family: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner",
        "id": id,
        "name": [{"family": family, "given": ["Camille"], "suffix": ["DR"]}],
        **more,
    }


def organization(id: str, name: str, *, sector: str = "SA01", city: str = "Reims", finess: str = "510000001") -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "id": id,
        "name": name,
        "identifier": [{"system": FINESS, "value": finess}],
        "type": [{"coding": [{"system": SECTORS, "code": sector, "display": "Établissement public"}]}],
        "address": [{"city": city, "postalCode": "51100"}],
    }


def role(id: str, practitioner: str, organization: str, words: str = "Médecin généraliste") -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "id": id,
        "practitioner": {"reference": f"Practitioner/{practitioner}"},
        "organization": {"reference": f"Organization/{organization}"},
        "code": [{"text": words}],
    }


@pytest.fixture
async def seeded(access: Access) -> Access:
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"]}],
        "generalPractitioner": [{"reference": "Practitioner/gp"}],
    }
    team = care_team("p", "PractitionerRole/nurse-role", "Practitioner/gp", "Organization/dac", "RelatedPerson/carer")
    team["participant"][0]["role"] = [{"text": "Infirmière"}]
    team["participant"].append({"member": {"reference": "Practitioner/gone"}, "period": {"end": "2020-01-01"}})
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            patient,
            team,
            practitioner("gp", "EXEMPLE", identifier=[{"system": RPPS, "value": "10900000016"}],
                         telecom=[{"system": "email", "value": "camille@exemple.example"}]),
            practitioner("nurse", "FICTIVE"),
            practitioner("gone", "PARTI"),
            role("nurse-role", "nurse", "office", "Infirmier"),
            role("gp-role", "gp", "office"),
            organization("dac", "DAC de la Marne", sector="SA57", city="Épernay", finess="510000003"),
            organization("office", "Maison de santé", sector="SA52", finess="510000002"),
            {"resourceType": "RelatedPerson", "id": "carer", "patient": {"reference": "Patient/p"}, "name": [{"text": "Claude"}],
             "relationship": [{"text": "Conjoint"}]},
            {"resourceType": "HealthcareService", "id": "s", "name": "Gériatrie aiguë", "type": [{"text": "Gériatrie"}],
             "providedBy": {"reference": "Organization/office"}},
        )  # fmt: skip
    return access


async def test_the_circle_puts_the_general_practitioner_first_and_forgets_who_left(seeded):
    async with seeded.act(professional("gp", Role.GP)) as ctx:
        await circle(ctx, "p")
        with count_statements() as counted:
            found = await circle(ctx, "p")
    said = [(member.reference, member.title, member.kind) for member in found]
    assert said[0] == ("Practitioner/gp", "Médecin traitant", "care")
    assert set(said[1:]) == {
        ("Practitioner/nurse", "Infirmière", "care"),
        ("Organization/dac", "", "coordination"),
        ("RelatedPerson/carer", "", "person"),
    }
    assert found[0].email == "camille@exemple.example"
    assert counted.statements <= 3


async def test_an_identity_linked_to_a_record_has_the_circle_of_the_record(seeded):
    source = {"resourceType": "Patient", "id": "source", "link": [{"other": {"reference": "Patient/p"}, "type": "refer"}]}
    async with seeded.act(SEED) as ctx:
        await ctx.records.write(source)
        found = await circle(ctx, "source")
        gp = await general_practitioner(ctx, "source")
    assert found[0].reference == "Practitioner/gp"
    assert len(found) == 4
    assert gp is not None
    assert gp.name == "Dr Camille EXEMPLE"


async def test_the_circle_of_someone_one_does_not_see_is_empty(seeded):
    async with seeded.act(professional("outsider", Role.GP)) as ctx:
        assert await circle(ctx, "p") == []
        assert await general_practitioner(ctx, "p") is None


async def test_national_numbers_find_people_and_places(seeded):
    async with seeded.act(professional("outsider", Role.GP)) as ctx:
        found = await find_practitioner(ctx, rpps="10900000016")
        place = await organization_by_finess(ctx, "510000003")
        assert await find_practitioner(ctx, rpps="10999999999") is None
        assert await organization_by_finess(ctx, "519999999") is None
    assert found is not None
    assert found["id"] == "gp"
    assert place is not None
    assert place["name"] == "DAC de la Marne"


@pytest.mark.parametrize(
    ("text", "place", "what", "expected"),
    [
        ("dr exemple", "", "professionnels", ["Dr Camille EXEMPLE"]),
        ("camille fict", "", "professionnels", ["Dr Camille FICTIVE"]),
        ("10900000016", "", "professionnels", ["Dr Camille EXEMPLE"]),
        ("810900000016", "", "professionnels", ["Dr Camille EXEMPLE"]),
        ("camille", "reims", "professionnels", ["Dr Camille EXEMPLE", "Dr Camille FICTIVE"]),
        ("camille", "épernay", "professionnels", []),
        ("", "epernay", "structures", ["DAC de la Marne"]),
        ("510 000 002", "", "structures", ["Maison de santé"]),
        ("santé", "51100", "structures", ["Maison de santé"]),
        ("geriatrie", "", "services", ["Gériatrie aiguë"]),
    ],
)
async def test_search_by_name_number_and_place(seeded, text, place, what, expected):
    async with seeded.act(professional("outsider", Role.GP)) as ctx:
        found = await search(ctx, wanted(text, place), what=what)
    assert sorted(entry.name for entry in found.entries) == expected


async def test_a_result_says_what_where_and_which_number(seeded):
    async with seeded.act(professional("outsider", Role.GP)) as ctx:
        (entry,) = (await search(ctx, wanted("exemple"), what="professionnels")).entries
    assert (entry.words, entry.structure, entry.place, entry.number) == (
        "Médecin généraliste", "Maison de santé", "51100 Reims", "RPPS 10900000016",
    )  # fmt: skip


def test_a_relative_is_a_person_and_a_coordinator_coordinates():
    assert kind_of("RelatedPerson") == "person"
    assert kind_of("Practitioner", part="Coordinatrice, référente") == "coordination"
    assert kind_of("Organization", sectors=frozenset({"SA57"})) == "coordination"
    assert kind_of("Practitioner", social=True) == "social"
    assert kind_of("Practitioner") == "care"


async def test_a_team_about_a_version_of_a_person_is_of_their_circle_and_of_no_other(seeded: Access) -> None:
    team = {**care_team("p", "Practitioner/gone"), "subject": {"reference": "Patient/p/_history/1"}}
    team.pop("id", None)
    async with seeded.act(SEED) as ctx:
        await ctx.records.write(team, {"resourceType": "Patient", "id": "other"})
        found = await circles(ctx, ["p", "other", "nobody"])
    assert "Practitioner/gone" in {member.reference for member in found["p"]}
    assert (found["other"], found["nobody"]) == ([], [])
