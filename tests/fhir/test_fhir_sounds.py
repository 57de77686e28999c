"""`phonetic`: names that are said alike in French are found by each other, and few others are."""

from itertools import combinations
from typing import Any

import pytest

from maillage.db import Database
from maillage.fhir.change import Change, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.sounds import sounds
from maillage.fhir.store import Store

STORE = Store()
ALIKE = [
    "Lefèvre Lefebvre LEFEVRE", "Dupont Dupond Dupon", "Durand Durant Duran", "Philippe Filipe Phillippe", "Catherine Katherine Kathrine",
    "François FRANCOIS Fransois", "Renaud Renault Reno Raynaud", "Thibault Thibaud Tibo", "Leclerc Leclercq Leclair", "Leroy Leroi",
    "Schmitt Schmidt", "Gauthier Gautier Gautié GAUTIE", "Meyer Maier Mayer", "Moreau Moro Morot", "Eloïse Héloïse", "Mathieu Matthieu Mathieux",
    "Rousseau Roussot", "Dubois Duboi", "Michel Michelle Michèle", "Henry Henri", "Zoé ZOE", "Jean Jan", "Chloé Cloe", "Champ Champs", "Guy Gui",
]  # fmt: skip
APART = "Martin Marin Mertens Bernard Renard Girard Girardet Petit Perrin Robert Robin Rose Roussel Rosier Simon Lambert Lombard Faure Favre Roger Roche"


@pytest.mark.parametrize("names", ALIKE)
def test_names_that_are_said_alike_have_one_key(names: str) -> None:
    assert len({tuple(sounds(name)) for name in names.split()}) == 1


def test_names_that_are_said_otherwise_have_others() -> None:
    assert [pair for pair in combinations(APART.split(), 2) if sounds(pair[0]) == sounds(pair[1])] == []


def test_a_name_in_another_script_or_of_one_letter_keeps_itself() -> None:
    assert (sounds("肖小明"), sounds("É. T."), sounds("-'’")) == (["肖小明"], ["e", "t"], [])


async def found(database: Database, kind: str, name: str, value: str) -> list[str]:
    async with database.transaction() as conn:
        page = await STORE.search(conn, parse(kind, [(name, value)]), scope=Scope.all())
    return sorted(one["id"] for one in page.matches)


async def test_people_and_organizations_are_found_by_how_their_names_sound(database: Database) -> None:
    def person(id: str, *given: str, family: str, **more: Any) -> dict[str, Any]:
        return {"resourceType": "Patient", "id": id, "name": [{"family": family, "given": [*given]}], **more}

    people = [
        person("a", "Philippe", family="Lefebvre"), person("b", "Filip", family="Martin", managingOrganization={"reference": "Organization/o"}),
        person("c", "Jeanne", "Cathrine", family="Le Goff"), {"resourceType": "Patient", "id": "d"},
        {"resourceType": "Organization", "id": "o", "name": "Hôpital Saint-Benoît"},
        {"resourceType": "Practitioner", "id": "p", "name": [{"text": "Dr Mathieu Renault"}]},
    ]  # fmt: skip
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, one) for one in people], scope=Scope.all())
    for kind, name, value, ids in (
        ("Patient", "phonetic", "Lefèvre", "a"), ("Patient", "phonetic", "LEFEVRE FILIPPE", "a"), ("Patient", "phonetic", "Philippe", "ab"),
        ("Patient", "phonetic", "Philippe Le Goff", ""), ("Patient", "phonetic", "Katherine Legof,lefevre", "a"), ("Patient", "phonetic", "Katherine le gof,lefevre", "ac"),
        ("Patient", "phonetic", "Lefort", ""), ("Patient", "phonetic:missing", "true", "d"), ("Patient", "organization.phonetic", "ospital", ""),
        ("Patient", "organization.phonetic", "opital sin benois", "b"), ("Organization", "phonetic", "benoi", "o"), ("Practitioner", "phonetic", "Matthieu Reno", "p"),
        ("Patient", "_filter", 'phonetic eq "Lefevre" or phonetic eq "Martain"', "ab"), ("Patient", "_filter", 'phonetic ne "Filipe"', "cd"),
    ):  # fmt: skip
        assert await found(database, kind, name, value) == [*ids], (name, value)
