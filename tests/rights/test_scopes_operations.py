"""Operations, pages and the condition itself, for software with scopes: what each operation needs, that no page opens, that nobody else pays."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.permissions import Permission, permits
from maillage.access.platform import Platform
from maillage.access.views import Views
from maillage.access.visibility import seen_by
from maillage.http import Request, action, page, stream
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.rights.test_scopes_matrix import LAB, names, observation, refused, world
from tests.support.pages import client_of
from tests.support.people import MACHINE, NOON, SEED, professional

GP = replace(professional("gp", Role.GP), profession="10")
THROUGH = replace(GP, client="app", patient="Patient/p")


def through(scopes: str) -> Actor:
    return replace(THROUGH, id=f"gp:{scopes}", scopes=frozenset(scopes.split()))


async def answer(platform: Platform, access: Access, scopes: str, path: str, **sent: Any) -> httpx.Response:
    app = create_app(platform, fhir_routes())
    async with await client_of(app, access, through(scopes), accept="application/fhir+json") as client:
        return await (client.post(f"/fhir/{path}", json=sent["body"]) if sent else client.get(f"/fhir/{path}"))


async def test_each_operation_needs_its_letters(platform: Platform, access: Access) -> None:
    await world(access)
    lastn = "Observation/$lastn?patient=Patient/p&category=laboratory"
    assert names((await answer(platform, access, f"patient/Observation.s?{LAB}", lastn)).json()) == {"Observation/lab.p"}
    assert refused(await answer(platform, access, "patient/Observation.r", lastn))
    for scopes in ("patient/Patient.r patient/Observation.rs", "patient/Patient.s patient/Observation.rs"):
        assert refused(await answer(platform, access, scopes, "Patient/p/$everything"))
    some = await answer(platform, access, f"patient/Patient.rs patient/Observation.rs?{LAB}", "Patient/p/$everything")
    assert names(some.json()) == {"Patient/p", "Observation/lab.p"}
    assert (await answer(platform, access, "patient/Patient.rs", "Patient/q/$everything")).status_code == 404
    assert (await answer(platform, access, "patient/Observation.r", "Observation/lab.p/$meta")).status_code == 200
    assert refused(await answer(platform, access, "patient/Observation.s", "Observation/lab.p/$meta"))
    tag = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}]}
    assert refused(await answer(platform, access, "patient/Observation.r", "Observation/lab.p/$meta-add", body=tag))
    assert (
        await answer(platform, access, f"patient/Observation.ru?{LAB}", "Observation/lab.p/$meta-add", body=tag)
    ).status_code == 200
    assert (
        await answer(platform, access, f"patient/Observation.ru?{LAB}", "Observation/vital.p/$meta-add", body=tag)
    ).status_code == 404


async def test_a_rehearsal_is_refused_what_the_write_would_be(platform: Platform, access: Access) -> None:
    await world(access)
    resource = observation("lab", "p", "vital-signs")
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "mode", "valueCode": "update"}, {"name": "resource", "resource": resource}],
    }
    told = await answer(platform, access, f"patient/Observation.u?{LAB}", "Observation/lab.p/$validate", body=body)
    assert [issue["severity"] for issue in told.json()["issue"]] == ["error"]
    told = await answer(platform, access, "patient/Observation.u", "Observation/lab.p/$validate", body=body)
    assert [issue["severity"] for issue in told.json()["issue"]] == ["information"]


async def test_a_document_is_whole_or_refused(platform: Platform, access: Access) -> None:
    await world(access)
    entry = [
        {"reference": "Observation/lab.p"},
        {"reference": "Observation/vital.p"},
        {"reference": "Observation/moved.p/_history/1"},
    ]
    async with access.act(SEED) as ctx:
        await ctx.records.write({
            "resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "x"}, "subject": {"reference": "Patient/p"},
            "date": "2026-10-01", "author": [{"reference": "Practitioner/gp"}], "title": "x", "section": [{"entry": entry}],
        })  # fmt: skip
    path = "Composition/c/$document"
    assert (await answer(platform, access, "patient/*.r", path)).status_code == 200
    assert refused(await answer(platform, access, "patient/Observation.r", path))
    named = "patient/Composition.r patient/Patient.r user/Practitioner.r"
    assert (await answer(platform, access, f"{named} patient/Observation.r", path)).status_code == 200
    assert (await answer(platform, access, f"{named} patient/Observation.r?{LAB}", path)).status_code == 422
    vital = LAB.replace("laboratory", "laboratory,vital-signs")
    assert (await answer(platform, access, f"{named} patient/Observation.r?{vital}", path)).status_code == 200
    only_now = "patient/Observation.r?_id=lab.p,vital.p,moved.p&category=vital-signs patient/Observation.r?_id=lab.p"
    assert (await answer(platform, access, f"{named} {only_now}", path)).status_code == 404, "the old version said something else"


async def _shown(request: Request, ctx: Any) -> Response:
    return PlainTextResponse("shown")


async def test_no_page_opens_for_a_software(platform: Platform, access: Access) -> None:
    routes = [
        page("/page", _shown, permission=Permission.SIGNED_IN),
        page("/ouvert", _shown, public=True),
        action("/envoi", _shown, permission=Permission.SIGNED_IN),
        stream("/ecoute", _shown, permission=Permission.SIGNED_IN),
    ]
    app = create_app(platform, [*routes, *fhir_routes()])
    for actor, status in ((GP, 200), (through("user/*.cruds"), 403)):
        async with await client_of(app, access, actor) as client:
            for path in ("/page", "/ouvert", "/ecoute"):
                assert (await client.get(path)).status_code == status, (path, actor.client)
            assert (await client.post("/envoi")).status_code == status


def test_a_role_opens_no_verb_of_a_page_to_a_software() -> None:
    opened = {one for one in Permission if permits(through("user/*.cruds"), one)}
    assert opened == {Permission.FHIR_READ, Permission.FHIR_WRITE}


@pytest.mark.parametrize("actor", [GP, MACHINE, SEED])
def test_whoever_no_scope_narrows_has_the_condition_that_they_had(actor: Actor) -> None:
    views = Views(actor, NOON)
    whole = seen_by(actor, NOON)
    assert {one.text for one in (views.searched, views.read, views.touched, views.written)} == {whole.text}
    assert "narrowed" not in whole.text
    assert "access_of" not in whole.text


def test_one_condition_is_made_once_for_the_same_scopes() -> None:
    first, second = (Views(through(f"patient/Observation.rs?{LAB}"), NOON).searched for _ in range(2))
    assert first.text == second.text
    assert first.circle is not None
    assert "access_of" in first.circle
    assert first.params["access_of"] == second.params["access_of"]
