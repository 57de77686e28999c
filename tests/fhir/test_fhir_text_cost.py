"""What a search by a text costs where others share it: rows looked at, not time."""

from maillage.db import Database
from maillage.fhir.change import Resource
from maillage.fhir.store import Store
from tests.support.explaining import explained

STORE = Store()
MANY = 6_000


def a_person(kind: str, n: int, family: str) -> Resource:
    return {"resourceType": kind, "id": f"{kind[:2]}{n}", "name": [{"family": family}], "birthDate": f"{1930 + n % 90}-01-01"}


def a_finding(n: int, code: str) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"f{n}",
        "status": "final",
        "code": {"coding": [{"code": code}]},
        "valueString": "positif",
    }


async def test_the_names_of_one_type_slow_no_search_of_another(database: Database) -> None:
    async with database.transaction() as conn:
        await STORE.load(conn, [a_person("Patient", n, "Martin") for n in range(MANY)])
        await STORE.load(conn, [a_person("Practitioner", n, "Martin" if n % 100 == 0 else "Durand") for n in range(1_000)])
        seen, found = await explained(conn, "Practitioner", [("family", "martin")])
        chained, far = await explained(conn, "Practitioner", [("name:contains", "x"), ("family", "martin")])
    assert (found, far) == (10, 0)
    assert seen < 300
    assert chained < 300


async def test_a_text_that_many_share_is_not_read_to_its_end_beside_a_code_that_few_have(database: Database) -> None:
    async with database.transaction() as conn:
        await STORE.load(conn, [a_finding(n, "rare" if n % 600 == 0 else "usual") for n in range(MANY)])
        seen, found = await explained(conn, "Observation", [("code", "rare"), ("value-string", "positif")])
    assert found == 10
    assert seen < 1.2 * MANY  # entries of the index of texts; no more rows than match
