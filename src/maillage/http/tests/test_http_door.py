"""The HTTP door: who is let in, what a refusal looks like, what every answer carries."""

import gzip
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.platform import Platform
from maillage.access.sessions import SessionPolicy
from maillage.clock import FixedClock, SystemClock
from maillage.config import Config
from maillage.db import Database
from maillage.errors import Conflict, Gone, Issue, Unprocessable
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.http import Request, action, api, page, redirect
from maillage.http.app import create_app
from maillage.http.csrf import masked
from maillage.http.health import Found
from maillage.http.routes import Declared, bare

GP = Actor(
    id="Practitioner/gp",
    kind=ActorKind.PROFESSIONAL,
    name="Dr Camille EXEMPLE",
    roles=frozenset({Role.GP}),
    reference="Practitioner/gp",
)
ARS = Actor(id="ars", kind=ActorKind.PROFESSIONAL, name="Agnès SPÉCIMEN", roles=frozenset({Role.ARS}))
HTML = {"accept": "text/html"}


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Platform:
    clock = FixedClock(SystemClock().now())
    files = LocalFiles(tmp_path)
    policy = SessionPolicy(idle=timedelta(minutes=30), lifetime=timedelta(hours=2))
    access = Access(database, store=Store(), files=files, clock=clock, sessions=policy)
    return Platform(Config(base_url="http://door.example"), clock, database, files, access)


async def who(request: Request, ctx: Context) -> Response:
    return JSONResponse({"actor": ctx.actor.id, "purpose": ctx.purpose, "door": ctx.door, "read_only": ctx.read_only})


async def greet(request: Request, ctx: Context | None) -> Response:
    return PlainTextResponse(ctx.actor.name if ctx else "personne")


async def fail(request: Request, ctx: Context) -> Response:
    match request.path_params["how"]:
        case "conflict":
            raise Conflict("slot taken")
        case "gone":
            raise Gone("deleted")
        case "invalid":
            raise Unprocessable(
                "two faults", issues=[Issue("value", "not a date", "Patient.birthDate"), Issue("required", "missing", None)]
            )
        case "database":
            raise psycopg.OperationalError("the server closed the connection")
        case _:
            raise ZeroDivisionError("Dominique PAT-TROIS 279035121518989")


async def write(request: Request, ctx: Context) -> Response:
    form = await request.form()
    async_note = form.get("note", "")
    return redirect(f"/fait?n={len(str(async_note))}")


async def write_in_a_get(request: Request, ctx: Context) -> Response:
    await ctx.records.write({"resourceType": "Organization", "name": "X"})
    return PlainTextResponse("written")


async def read_body(request: Request, ctx: Context) -> Response:
    return PlainTextResponse(str(len(await request.body())))


ROUTES: list[Declared] = [
    page("/moi", who, permission=Permission.INBOX_READ),
    page("/bonjour", greet, public=True),
    page("/panne/{how}", fail, permission=Permission.SIGNED_IN),
    page("/fhir/panne/{how}", fail, permission=Permission.SIGNED_IN),
    page("/ecrit", write_in_a_get, permission=Permission.SIGNED_IN),
    action("/note", write, permission=Permission.INBOX_TREAT),
    action("/grand", read_body, permission=Permission.SIGNED_IN, max_body=1000),
    api("/fhir/Patient", who, methods=("GET", "POST"), permission=Permission.FHIR_READ),
]


def application(platform: Platform, routes: list[Declared] = ROUTES, **options: Any) -> Starlette:
    return create_app(platform, routes, **options)


def reader(app: Starlette, *, cookie: str = "", token: str = "", base: str = "http://door.example") -> httpx.AsyncClient:
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)
    if cookie:
        client.cookies.set("maillage", cookie)
    if token:
        client.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.fixture
async def session(platform: Platform) -> str:
    return await platform.access.sign_in(GP)


@pytest.fixture
async def gp(platform: Platform, session: str) -> AsyncIterator[httpx.AsyncClient]:
    async with reader(application(platform), cookie=session) as client:
        yield client


@pytest.fixture
async def nobody(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with reader(application(platform)) as client:
        yield client


async def test_a_signed_in_person_gets_the_page_in_a_read_only_context(gp: httpx.AsyncClient) -> None:
    assert (await gp.get("/moi")).json() == {"actor": GP.id, "purpose": "TREAT", "door": "page", "read_only": True}


async def test_nobody_is_sent_to_sign_in_and_will_come_back(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/moi?patient=7&é=1", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/connexion?suite=%2Fmoi%3Fpatient%3D7%26%25C3%25A9%3D1"


async def test_a_program_that_nobody_knows_gets_an_outcome(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/moi")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (401, "login")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("given", ["Bearer wrong", "Basic Z3A6Z3A=", "Bearer", "nothing"])
async def test_a_proof_that_does_not_hold_is_refused_even_where_none_is_needed(nobody: httpx.AsyncClient, given: str) -> None:
    assert (await nobody.get("/bonjour", headers={"authorization": given})).status_code == 401


async def test_a_public_page_knows_who_is_there(gp: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    assert [(await one.get("/bonjour")).text for one in (gp, nobody)] == [GP.name, "personne"]


async def test_a_machine_comes_in_by_its_token_until_it_is_revoked(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.http.visitors.TOKEN_SECONDS", 0.0)
    token = await platform.access.issue_token(GP, lifetime=timedelta(hours=1))
    async with reader(application(platform), token=token) as client:
        assert (await client.get("/fhir/Patient")).json()["door"] == "fhir"
        assert (await client.post("/fhir/Patient")).json()["read_only"] is False, "a bearer token needs no form token"
        await platform.access.revoke_token(token)
        assert (await client.get("/fhir/Patient")).status_code == 401


async def test_a_role_without_the_permission_is_refused_and_the_attempt_is_kept(platform: Platform) -> None:
    async with reader(application(platform), cookie=await platform.access.sign_in(ARS)) as ars:
        answer = await ars.get("/moi", headers=HTML)
    assert answer.status_code == 403
    assert "Accès refusé" in answer.text
    async with platform.database.transaction() as conn:
        found = await (await conn.execute("select actor, outcome from audit")).fetchall()
    assert found == [{"actor": "ars", "outcome": "4"}]


async def test_a_session_ends_when_idle(platform: Platform, gp: httpx.AsyncClient) -> None:
    assert (await gp.get("/moi")).status_code == 200
    platform.clock.advance(timedelta(minutes=31))
    assert (await gp.get("/moi")).status_code == 401


async def test_a_get_cannot_write(gp: httpx.AsyncClient, platform: Platform) -> None:
    assert (await gp.get("/ecrit")).status_code == 500
    async with platform.database.transaction() as conn:
        assert await (await conn.execute("select count(*) as n from res")).fetchone() == {"n": 0}


# --- forms


async def test_a_form_with_its_token_is_taken_and_redirects(gp: httpx.AsyncClient, session: str) -> None:
    answer = await gp.post("/note", data={"note": "vu", "csrf": masked(session)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/fait?n=2")


async def test_a_script_may_carry_the_token_in_a_header(gp: httpx.AsyncClient, session: str) -> None:
    assert (await gp.post("/note", headers={"x-csrf-token": masked(session)})).status_code == 303


async def test_a_form_with_a_file_carries_its_token_too(gp: httpx.AsyncClient, session: str) -> None:
    answer = await gp.post("/note", data={"csrf": masked(session)}, files={"pièce": ("a.txt", b"texte")})
    assert answer.status_code == 303


@pytest.mark.parametrize("forged", ["", "0" * 128, "zz", masked("another session")])
async def test_a_form_without_its_token_is_refused(gp: httpx.AsyncClient, forged: str) -> None:
    assert (await gp.post("/note", data={"note": "vu", "csrf": forged})).status_code == 403


async def test_a_form_sent_from_another_site_is_refused_whatever_it_carries(gp: httpx.AsyncClient, session: str) -> None:
    answer = await gp.post("/note", data={"csrf": masked(session)}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_a_token_never_looks_twice_the_same() -> None:
    assert masked("s") != masked("s")


async def test_a_post_without_the_permission_is_refused(platform: Platform) -> None:
    secret = await platform.access.sign_in(ARS)
    async with reader(application(platform), cookie=secret) as ars:
        assert (await ars.post("/note", data={"csrf": masked(secret)})).status_code == 403


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_too_long_is_refused_before_it_is_held(gp: httpx.AsyncClient, session: str, declared: bool) -> None:
    taken = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"x" * 100

    headers = {"x-csrf-token": masked(session), **({"content-length": "100000"} if declared else {})}
    answer = await gp.post("/grand", content=pieces(), headers=headers)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (413, "too-long")


# --- faults


@pytest.mark.parametrize(
    ("how", "status", "title"),
    [
        ("conflict", 409, "Modifié entre-temps"), ("gone", 410, "Supprimé"), ("invalid", 422, "Données refusées"),
        ("database", 503, "Momentanément indisponible"), ("other", 500, "Erreur de la plateforme"),
    ],
)  # fmt: skip
async def test_a_person_reads_a_fault_in_french(gp: httpx.AsyncClient, how: str, status: int, title: str) -> None:
    answer = await gp.get(f"/panne/{how}", headers=HTML)
    assert answer.status_code == status
    assert f"<h1>{title}</h1>" in answer.text
    assert "PAT-TROIS" not in answer.text


async def test_a_program_reads_each_place_of_a_fault(gp: httpx.AsyncClient) -> None:
    answer = await gp.get("/fhir/panne/invalid", headers=HTML)
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.json() == {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "error", "code": "value", "diagnostics": "not a date", "expression": ["Patient.birthDate"]},
            {"severity": "error", "code": "required", "diagnostics": "missing"},
        ],
    }


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nulle-part", 404), ("PUT", "/moi", 405)])
async def test_an_address_that_is_not_there_is_said_like_any_fault(
    gp: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    assert (await gp.request(method, path)).json()["resourceType"] == "OperationOutcome"
    answer = await gp.request(method, path, headers=HTML)
    assert answer.status_code == status
    assert "<h1>" in answer.text


# --- what every answer carries


async def test_every_answer_carries_the_security_headers_and_is_kept_by_no_cache(gp: httpx.AsyncClient) -> None:
    for path in ("/moi", "/nulle-part", "/panne/other", "/health"):
        headers = (await gp.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe-inline" not in policy
        for directive in (
            "frame-ancestors 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "script-src-attr 'none'",
            "style-src-attr 'none'",
        ):
            assert directive in policy
        assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "same-origin")
        assert {"camera=()", "geolocation=()", "microphone=()", "payment=()"} <= set(headers["permissions-policy"].split(", "))
        assert (headers["cross-origin-opener-policy"], headers["cross-origin-resource-policy"]) == ("same-origin", "same-origin")
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
        assert "strict-transport-security" not in headers


async def test_over_https_the_browser_is_told_to_stay_there(platform: Platform) -> None:
    secure = replace(platform, config=Config(base_url="https://door.example"))
    async with reader(application(secure), base="https://door.example") as client:
        assert "max-age" in (await client.get("/health")).headers["strict-transport-security"]


async def test_a_request_has_an_id_and_a_good_one_that_was_given_is_kept(nobody: httpx.AsyncClient) -> None:
    own = (await nobody.get("/bonjour")).headers["x-request-id"]
    given = (await nobody.get("/bonjour", headers={"x-request-id": "abcd-1234"})).headers["x-request-id"]
    bad = (await nobody.get("/bonjour", headers={"x-request-id": "a b\tc;"})).headers["x-request-id"]
    assert len(own) == 16
    assert given == "abcd-1234"
    assert bad != "a b\tc;"


async def test_built_files_are_kept_for_a_year_and_sent_packed_to_those_who_can_read_it(
    platform: Platform, tmp_path: Path
) -> None:
    sheet = "p{color:red}\n" * 500
    (tmp_path / "page.0123.css").write_text(sheet)
    (tmp_path / "page.0123.css.gz").write_bytes(gzip.compress(sheet.encode()))
    (tmp_path / "letter.0123.woff2").write_bytes(b"font")
    async with reader(application(platform, static=tmp_path)) as client:
        answer = await client.get("/static/page.0123.css", headers={"accept-encoding": "gzip"})
        plain = await client.get("/static/page.0123.css", headers={"accept-encoding": "identity"})
        font = await client.get("/static/letter.0123.woff2", headers={"accept-encoding": "gzip"})
        absent = await client.get("/static/absent.css", headers={"accept-encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (answer.headers["content-encoding"], answer.text) == ("gzip", sheet)
    assert answer.headers["content-type"].startswith("text/css")
    assert ("content-encoding" in plain.headers, plain.text) == (False, sheet)
    assert ("content-encoding" in font.headers, font.content) == (False, b"font")
    assert absent.status_code == 404


async def test_no_log_line_names_a_patient_or_a_query(gp: httpx.AsyncClient, log_lines: io.StringIO) -> None:
    await gp.get("/panne/Dominique?nom=PAT-TROIS")
    await gp.get("/inconnu/279035121518989")
    text = log_lines.getvalue()
    assert "/panne/{how}" in text
    assert "ZeroDivisionError" in text
    for secret in ("Dominique", "PAT-TROIS", "279035121518989", "nom="):
        assert secret not in text


# --- health and metrics


async def test_health_says_each_part_and_stays_up_while_it_can_answer(platform: Platform) -> None:
    async def away() -> Found:
        raise OSError("nobody there")

    async def fine() -> Found:
        return Found(ok=True, detail="Tout va bien.", measures={"queue": 3})

    async with reader(application(platform, probes={"mail": away, "mllp": fine})) as client:
        answer = await client.get("/health")
        seen = await client.get("/health", headers=HTML)
        metrics = (await client.get("/metrics")).text
    assert answer.status_code == 200
    said = answer.json()
    assert said["status"] == "degraded"
    assert {name: part["status"] for name, part in said["parts"].items()} == {
        "database": "ok",
        "files": "ok",
        "mail": "down",
        "mllp": "ok",
    }
    assert "En panne (OSError)." in seen.text
    assert 'maillage_part_up{part="mail"} 0.0' in metrics
    assert 'maillage_part{measure="queue",part="mllp"} 3.0' in metrics


async def test_without_its_database_the_platform_says_so_even_to_who_was_signed_in(dsn: str, platform: Platform) -> None:
    closed = Database(dsn, patience=0.1)
    cut = replace(platform, database=closed, access=Access(closed, store=Store(), files=platform.files, clock=platform.clock))
    async with reader(application(cut), cookie="whatever") as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "down")
        assert (await client.get("/moi", headers=HTML)).status_code in {500, 503}


async def test_metrics_count_by_route_and_never_by_path(gp: httpx.AsyncClient) -> None:
    await gp.get("/panne/Dominique")
    await gp.get("/ailleurs/Dominique")
    text = (await gp.get("/metrics")).text
    assert 'maillage_http_requests_total{method="GET",route="/panne/{how}",status="500"} 1.0' in text
    assert 'route="unknown",status="404"' in text
    assert "Dominique" not in text


# --- declaring routes


def test_a_route_says_its_permission_or_that_it_is_public() -> None:
    with pytest.raises(TypeError, match="/x"):
        page("/x", who)
    with pytest.raises(TypeError, match="/x"):
        page("/x", who, permission=Permission.SIGNED_IN, public=True)
    assert bare("/x", who).public
