"""What a software may write with its scopes, through HTTP: the letter, the type, the record, and the restriction before and after.

Each row says, by hand, which scopes are granted, what is tried and how it ends; what was refused has left no trace in the store.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.platform import Platform
from maillage.fhir.search import parse_several
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.rights.test_scopes_matrix import LAB, VITAL, observation, refused, world
from tests.support.pages import client_of
from tests.support.people import SEED, officer_of, professional

Resource = dict[str, Any]

GP = replace(professional("gp", Role.GP), profession="10", client="app", patient="Patient/p")


class Try(NamedTuple):
    """The scopes, the method, the address, what is sent, and the status of the answer. 403s say `insufficient_scope`."""

    scopes: str
    method: str
    path: str
    body: Resource | None
    status: int
    headers: dict[str, str] = {}


def new(category: str = "laboratory", who: str = "p") -> Resource:
    return {name: value for name, value in observation("new", who, category).items() if name != "id"}


def stored(name: str, category: str, who: str = "p") -> Resource:
    return observation(name, who, category, note=[{"text": "changed"}])


def problem(who: str = "p") -> Resource:
    return {"resourceType": "Condition", "code": {"text": "y"}, "subject": {"reference": f"Patient/{who}"}}


CREATE, UPDATE, DELETE = "patient/Observation.c", "patient/Observation.u", "patient/Observation.d"
NOTED = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
    {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Observation.code.text"}, {"name": "value", "valueString": "z"},
]}]}  # fmt: skip

TRIES = [
    # create
    Try(CREATE, "POST", "Observation", new(), 201),
    Try("patient/*.c", "POST", "Observation", new(), 201),
    Try("user/Observation.c", "POST", "Observation", new(who="q"), 201),
    Try(CREATE, "POST", "Condition", problem(), 403),
    Try("patient/Observation.ruds", "POST", "Observation", new(), 403),
    Try("patient/Observation.read", "POST", "Observation", new(), 403),
    Try("patient/Observation.write", "POST", "Observation", new(), 201),
    Try(CREATE, "POST", "Observation", new(who="q"), 403),
    Try(f"{CREATE}?{LAB}", "POST", "Observation", new(), 201),
    Try(f"{CREATE}?{LAB}", "POST", "Observation", new("vital-signs"), 403),
    Try(f"{CREATE}?{LAB} {CREATE}?{VITAL}", "POST", "Observation", new("vital-signs"), 201),
    Try("", "POST", "Observation", new(), 403),
    Try("system/*.cruds", "POST", "Observation", new(), 403),
    Try("user/Observation.c?subject=Patient/p", "POST", "Observation", new(), 201),
    Try("user/Observation.c?subject=Patient/p", "POST", "Observation", new(who="q"), 403),
    Try("user/Observation.c?performer=gp", "POST", "Observation", new() | {"performer": [{"reference": "Practitioner/gp"}]}, 201),
    Try("user/Observation.c?performer=gp", "POST", "Observation", new(), 403),
    Try(f"{CREATE}?code=http://loinc.org|1,http://loinc.org|2", "POST", "Observation", new(), 403),
    # update
    Try("user/Observation.u?_id=lab.p", "PUT", "Observation/lab.p", stored("lab", "laboratory"), 200),
    Try("user/Observation.u?_id=vital.p", "PUT", "Observation/lab.p", stored("lab", "laboratory"), 403),
    Try(f"user/Observation.u?{LAB} patient/Observation.u", "PUT", "Observation/vital.q", stored("vital", "laboratory", "q"), 404),
    Try(f"user/Observation.u?{LAB} patient/Observation.u", "PUT", "Observation/vital.p", stored("vital", "laboratory"), 200),
    Try(UPDATE, "PUT", "Observation/lab.p", stored("lab", "laboratory"), 200),
    Try(UPDATE, "PUT", "Observation/fresh.p", stored("fresh", "laboratory"), 201),
    Try(UPDATE, "PUT", "Observation/lab.q", stored("lab", "laboratory", "q"), 403),
    Try(UPDATE, "PUT", "Observation/lab.q", stored("lab", "laboratory") | {"id": "lab.q"}, 404),
    Try(UPDATE, "PUT", "Observation/lab.p", stored("lab", "laboratory", "q") | {"id": "lab.p"}, 403),
    Try("patient/Observation.crds", "PUT", "Observation/lab.p", stored("lab", "laboratory"), 403),
    Try("patient/Observation.crds", "PUT", "Observation/fresh.p", stored("fresh", "laboratory"), 403),
    Try(f"{UPDATE}?{LAB}", "PUT", "Observation/lab.p", stored("lab", "laboratory"), 200),
    Try(f"{UPDATE}?{LAB}", "PUT", "Observation/lab.p", stored("lab", "vital-signs"), 403),
    Try(f"{UPDATE}?{LAB}", "PUT", "Observation/vital.p", stored("vital", "laboratory"), 404),
    Try(f"{UPDATE}?{LAB} {UPDATE}?{VITAL}", "PUT", "Observation/vital.p", stored("vital", "laboratory"), 200),
    Try(f"{UPDATE}?{LAB} {DELETE}?{VITAL}", "PUT", "Observation/vital.p", stored("vital", "laboratory"), 404),
    Try("user/Condition.u", "PUT", "Condition/problem.q", problem("q") | {"id": "problem.q"}, 200),
    # patch and meta: what is changed by parts is read first
    Try("patient/Observation.ru", "PATCH", "Observation/lab.p", NOTED, 200),
    Try(UPDATE, "PATCH", "Observation/lab.p", NOTED, 403),
    Try("patient/Observation.r", "PATCH", "Observation/lab.p", NOTED, 403),
    Try(f"patient/Observation.ru?{LAB}", "PATCH", "Observation/vital.p", NOTED, 404),
    Try("patient/Observation.ru", "PATCH", "Observation/lab.q", NOTED, 404),
    # delete
    Try(DELETE, "DELETE", "Observation/lab.p", None, 204),
    Try("patient/Observation.crus", "DELETE", "Observation/lab.p", None, 403),
    Try(DELETE, "DELETE", "Observation/nothing", None, 204),
    Try("patient/Observation.crus", "DELETE", "Observation/nothing", None, 403),
    Try(f"{DELETE}?{LAB}", "DELETE", "Observation/lab.p", None, 204),
    # conditional: the criteria are a search
    Try("patient/Observation.cs", "POST", "Observation", new(), 201, {"If-None-Exist": "_id=lab.q"}),
    Try("patient/Observation.cs", "POST", "Observation", new(), 200, {"If-None-Exist": "_id=lab.p"}),
    Try(CREATE, "POST", "Observation", new(), 403, {"If-None-Exist": "_id=lab.p"}),
    Try("patient/Observation.us", "PUT", "Observation?_id=lab.p", stored("lab", "laboratory"), 200),
    Try(UPDATE, "PUT", "Observation?_id=lab.p", stored("lab", "laboratory"), 403),
    Try("patient/Observation.ds", "DELETE", "Observation?_id=lab.p", None, 204),
    Try(DELETE, "DELETE", "Observation?_id=lab.p", None, 403),
    Try(f"{DELETE} patient/Observation.s?{VITAL}", "DELETE", "Observation?_id=vital.p", None, 204),
    # $validate: the content is anybody's, what would be written is not
    Try("patient/Observation.r", "POST", "Observation/$validate", new(), 200),
    Try("", "POST", "Observation/$validate", new(), 200),
    Try("", "GET", "Observation/lab.p/$validate", None, 403),
    # the directory is nobody's record: a `patient/` scope writes none of it
    Try("patient/*.cruds", "POST", "Organization", {"resourceType": "Organization", "name": "New"}, 403),
    Try("patient/*.cruds", "POST", "Patient", {"resourceType": "Patient"}, 403),
]  # fmt: skip


def entry(method: str, url: str, resource: Resource | None = None, **more: str) -> Resource:
    return {"request": {"method": method, "url": url, **more}} | ({"resource": resource} if resource else {})


async def as_software(platform: Platform, access: Access, actor: Actor, scopes: str) -> httpx.AsyncClient:
    scoped = replace(actor, scopes=frozenset(scopes.split()))
    return await client_of(create_app(platform, fhir_routes()), access, scoped, accept="application/fhir+json")


SAMPLE = (0, 7, 9, 14, 18, 21, 26, 31, 36, 41, 46)


async def try_all(tries: list[Try], platform: Platform, access: Access) -> None:
    app = create_app(platform, fhir_routes())
    for tried in tries:
        await world(access)
        async with access.act(SEED) as ctx:
            await ctx.records.transaction(
                {"resourceType": "Bundle", "type": "batch", "entry": [entry("DELETE", "Observation/fresh.p")]}
            )
        before = await versions(access)
        actor = replace(GP, id=f"gp:{tried.scopes}", scopes=frozenset(tried.scopes.split()))
        async with await client_of(app, access, actor, accept="application/fhir+json") as client:
            answer = await client.request(
                tried.method,
                f"/fhir/{tried.path}",
                json=tried.body,
                headers={"Content-Type": "application/fhir+json", **tried.headers},
            )
        assert answer.status_code == tried.status, (tried, answer.text)
        if tried.status == 403 and tried.path != "Organization":  # which the role does not write either
            assert refused(answer), tried
        unchanged = tried.status >= 400 or (tried.headers and tried.status == 200) or "$" in tried.path or "nothing" in tried.path
        assert (await versions(access) == before) == bool(unchanged), tried


async def versions(access: Access) -> dict[str, Any]:
    async with access.act(SEED, read_only=True) as ctx:
        found = await ctx.records.search_raw(parse_several([("_type", "Observation,Condition,Organization"), ("_count", "500")]))
        return {f"{one.type}/{one.id}": one.version for one in found.matches}


async def test_a_sample_of_what_scopes_let_write(platform: Platform, access: Access) -> None:
    await try_all([TRIES[place] for place in SAMPLE], platform, access)


@pytest.mark.long
async def test_all_that_scopes_let_write(platform: Platform, access: Access) -> None:
    await try_all(TRIES, platform, access)


async def test_outside_of_its_restriction_a_row_is_not_found_and_stays(platform: Platform, access: Access) -> None:
    await world(access)
    before = await versions(access)
    async with await as_software(platform, access, GP, f"{DELETE}?{LAB}") as client:
        answer = await client.delete("/fhir/Observation/vital.p", headers={"If-Match": 'W/"1"'})
        assert answer.status_code in (404, 412), answer.text
        assert (await client.delete("/fhir/Observation/lab.q")).status_code in (204, 404)
    assert await versions(access) == before


async def test_every_entry_of_a_bundle_is_within_the_scopes(platform: Platform, access: Access) -> None:
    await world(access)
    before = await versions(access)
    entries = [
        (entry("POST", "Observation", new()), "201"),
        (entry("POST", "Observation", new("vital-signs")), "403"),
        (entry("PUT", "Observation/lab.p", stored("lab", "laboratory")), "200"),
        (entry("PUT", "Observation/vital.p", stored("vital", "laboratory")), "404"),
        (entry("POST", "Condition", problem()), "403"),
        (entry("DELETE", "Observation/moved.p"), "403"),
        (entry("GET", "Observation/lab.p"), "403"),
        (entry("GET", "Observation?_id=lab.p"), "403"),
    ]
    scopes = f"patient/Observation.cu?{LAB}"
    async with await as_software(platform, access, GP, scopes) as client:
        for refusal in (one for one, status in entries if status != "201" and status != "200"):
            whole = {"resourceType": "Bundle", "type": "transaction", "entry": [entries[0][0], refusal]}
            answer = await client.post("/fhir", json=whole)
            assert answer.status_code in (403, 404), (refusal, answer.text)
        assert await versions(access) == before
        batch = {"resourceType": "Bundle", "type": "batch", "entry": [one for one, _ in entries]}
        answer = await client.post("/fhir", json=batch)
        assert [one["response"]["status"][:3] for one in answer.json()["entry"]] == [status for _, status in entries]
        good = {"resourceType": "Bundle", "type": "transaction", "entry": [entries[0][0], entries[2][0]]}
        assert (await client.post("/fhir", json=good)).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "status"),
    [("user/*.cruds", 201), ("user/Organization.c", 201), ("patient/*.cruds", 403), ("user/Organization.r", 403)],
)
async def test_a_software_writes_the_directory_for_who_may(platform: Platform, access: Access, scopes: str, status: int) -> None:
    operator = replace(officer_of(Role.OPERATOR), client="app", patient="Patient/p")
    async with await as_software(platform, access, operator, scopes) as client:
        answer = await client.post("/fhir/Organization", json={"resourceType": "Organization", "name": "New"})
    assert answer.status_code == status, answer.text


async def test_a_software_does_nothing_that_the_person_may_not(platform: Platform, access: Access) -> None:
    await world(access)
    stranger = replace(GP, id="other", reference="Practitioner/other", patient="Patient/p")
    async with await as_software(platform, access, stranger, "patient/*.cruds user/*.cruds") as client:
        assert (await client.get("/fhir/Observation/lab.p")).status_code == 404
        assert (await client.get("/fhir/Observation?_count=50")).json().get("entry", []) == []
        assert (await client.post("/fhir/Observation", json=new())).status_code == 403
        assert (await client.put("/fhir/Observation/lab.p", json=stored("lab", "laboratory"))).status_code in (403, 404)
        assert (await client.post("/fhir/Organization", json={"resourceType": "Organization", "name": "x"})).status_code == 403
