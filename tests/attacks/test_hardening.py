"""Small promises of a hardened product, each simple to break by an innocent change (OWASP ASVS 5.0: docs/reference/asvs.md)."""

import io
import json
import re
import secrets
import ssl
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from starlette.applications import Starlette

import maillage
from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.access.platform import Platform
from maillage.config import Config
from maillage.connectors.mllp.tls import client_context, server_context
from maillage.db import Database
from maillage.http.csrf import masked
from maillage.http.routes import Kind
from maillage.services.accounts.service.sealing import Passwords
from tests.attacks.test_forced_browsing import ALL, OPEN, asked_of, who_may
from tests.support.asgi import Asked, ask
from tests.support.attacked import actor_of, whole_application
from tests.support.browser import HERE
from tests.support.certificates import Authority
from tests.support.pages import client_of
from tests.support.plugin import ROOT

SOURCE = Path(maillage.__file__).parent


def sources(*left_out: str) -> dict[str, str]:
    """Our Python by its path below the package, without tests and these folders."""
    found = {one.relative_to(SOURCE): one for one in SOURCE.rglob("*.py")}
    kept = {path: one for path, one in found.items() if not {"tests", "emulator", *left_out} & set(path.parts)}
    return {str(path): one.read_text(encoding="utf-8") for path, one in kept.items()}


def nobody(app: Starlette, *, base: str = HERE) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, headers={"accept": "text/html"})


async def test_cookies_over_https_are_bound_to_the_host(platform: Platform, access: Access) -> None:
    app = whole_application(replace(platform, config=replace(platform.config, base_url="https://door.example")))
    async with nobody(app, base="https://door.example") as browser:
        answer = await browser.get("/compte/connexion")
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")[1:]}
        assert "domain" not in cookie.lower()
    assert app.state.visitors.cookie == "__Host-maillage"


async def test_no_other_site_is_let_in_by_cors(attacked: Starlette, access: Access) -> None:
    """Pages are read by no other site. The FHIR door is (SMART App Launch), with a bearer token only: never with our cookie."""
    async with await client_of(attacked, access, actor_of(Role.GP)) as gp:
        for method, path, open_to_software in (
            ("GET", "/nouveautes", False),
            ("OPTIONS", "/nouveautes", False),
            ("GET", "/oauth/authorize", False),
            ("GET", "/fhir/Patient", True),
            ("OPTIONS", "/fhir/Patient", True),
            ("GET", "/fhir/metadata", True),
        ):
            headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
            answer = await gp.request(method, path, headers=headers)
            said = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
            assert said.get("access-control-allow-origin") == ("*" if open_to_software else None), (method, path)
            assert "access-control-allow-credentials" not in said, (method, path)
            assert open_to_software or not said, (method, path)


async def test_every_answer_says_what_it_is(attacked: Starlette, access: Access) -> None:
    for role in (Role.GP, Role.PATIENT, Role.OPERATOR):
        async with await client_of(attacked, access, actor_of(role)) as client:
            for route, method, address in asked_of(attacked):
                may = who_may(route.path, method)
                if method != "GET" or route.kind is Kind.STREAM or (may is not OPEN and role not in may):
                    continue
                answer = await client.get(address)
                said = answer.headers.get("content-type", "")
                assert said or not answer.content, (role, address)
                assert not said.startswith("text/") or "charset=utf-8" in said.lower(), (role, address, said)


def test_password_fields_are_masked_and_known_to_managers() -> None:
    templates = [one.read_text(encoding="utf-8") for one in SOURCE.rglob("templates/**/*.html")]
    found = [line for text in templates for line in text.splitlines() if '"mot-de-passe"' in line and "field(" in line]
    assert len(found) >= 3
    for line in found:
        assert 'type="password"' in line
        assert re.search(r'autocomplete="(current|new)-password"', line)
    assert not [text for text in templates if "onpaste" in text]


async def test_a_password_is_hashed_as_it_was_typed() -> None:
    passwords, typed = Passwords(), "  Élan vital, SEPT foi\u0301s  " + "x" * 60
    kept = await passwords.hash(typed)
    assert kept.startswith("$argon2id$")
    assert await passwords.holds(kept, typed)
    for other in (typed.strip(), typed.lower(), typed[:-1], typed[:72]):
        assert not await passwords.holds(kept, other)


async def test_a_fresh_installation_has_no_account(database: Database) -> None:
    async with database.transaction() as conn:
        for table in ("account", "access_token", "access_session"):
            row = await (await conn.execute(f"select count(*) as n from {table}".encode())).fetchone()
            assert row is not None
            assert row["n"] == 0, table


SHORTER = {
    "http/envelope.py": "the id of a request is no secret",
    "services/accounts/service/codes.py": "a recovery code is typed by hand: 80 bits, and tries are counted",
}


def test_secrets_come_from_the_system() -> None:
    for path, text in sources("demo").items():
        assert not re.search(r"^\s*(?:import random|from random)", text, re.MULTILINE), path
        for length in re.findall(r"secrets\.token_(?:urlsafe|hex|bytes)\((\d+)\)", text):
            assert int(length) >= 16 or path in SHORTER, (path, length)


async def test_each_page_of_those_signed_in_offers_to_sign_out(attacked: Starlette, access: Access) -> None:
    for role in sorted(ALL - {Role.SYSTEM}):
        secret = await access.sign_in(actor_of(role))
        async with nobody(attacked) as browser:
            browser.headers["cookie"] = f"maillage={secret}"
            answer = await browser.get("/mes-appareils")
        assert answer.status_code == 200, role
        assert 'action="/deconnexion"' in answer.text, role


WEAK_ALLOWED = {
    "services/accounts/service/breached.py": "the file of breached passwords has SHA-1; nothing is proved by it",
    "access/references.py": "the id of a row, made of an id of ours",
    "services/documents/resources/document_reference.py": "Attachment.hash is SHA-1 in FHIR R4; the original is proved by SHA-256",
}


def test_weak_hashes_are_named_nowhere() -> None:
    found = {path for path, text in sources().items() if re.search(r"\b(?:md5|sha1|MD5|SHA1|DES|RC4|ECB|PKCS1v15)\b", text)}
    assert found <= set(WEAK_ALLOWED)


def test_tls_before_1_2_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("door")
    server = server_context(certificate=certificate, key=key, client_authority=authority.path)
    for context in (server, client_context(authority=authority.path)):
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
    assert client_context(authority=None).check_hostname


def test_no_secret_has_a_default() -> None:
    assert [one.name for one in fields(Config) if not one.repr and one.default != ""] == []


async def test_nothing_but_built_files_is_served(attacked: Starlette) -> None:
    hidden = (
        "/.git/config", "/.env", "/.svn/entries", "/static/", "/static", "/static/.", "/static/..", "/static/../build.py", "/static/%2e%2e/build.py", "/static/..%2fbuild.py",
        "/static/%2e%2e%2f%2e%2e%2fconfig.py", "/static//etc/passwd", "/static/\\..\\build.py", "/pyproject.toml", "/server-status", "/docs", "/openapi.json", "/swagger", "/debug", "/static/manifest.json%00",
    )  # fmt: skip
    for path in hidden:
        answer = await ask(attacked, Asked("GET", path.encode(), (("accept", "text/html"),)), token="none")
        assert answer.status in (303, 400, 401, 404, 405), (path, answer.status)
        assert b"Index of" not in answer.body, path


async def test_trace_is_not_answered(attacked: Starlette) -> None:
    for path in (b"/", b"/fhir/Patient", b"/connexion", b"/health", b"/static/x"):
        answer = await ask(attacked, Asked("TRACE", path, (("x-secret", "echoed"),)), token="none")
        assert answer.status in (400, 401, 404, 405, 501), path
        assert b"echoed" not in answer.body, path


async def test_signing_out_clears_the_browser(attacked: Starlette, access: Access) -> None:
    secret = await access.sign_in(actor_of(Role.GP))
    async with nobody(attacked) as browser:
        browser.headers["cookie"] = f"maillage={secret}"
        answer = await browser.post("/deconnexion", data={"csrf": masked(secret)})
        assert answer.headers["clear-site-data"] == '"cache", "storage"'
        assert (await browser.get("/nouveautes")).status_code == 303


def test_no_script_of_ours_keeps_data_in_the_browser() -> None:
    script = (SOURCE / "ui" / "static" / "maillage.js").read_text(encoding="utf-8")
    assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\.open|eval\(|innerHTML", script)


def test_what_we_depend_on_is_locked_by_hash() -> None:
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    named = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(named) > 20
    assert [line for line in named if "==" not in line or "--hash=sha256:" not in line] == []
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert [name for name, one in packages.items() if name and not one.get("integrity", "").startswith("sha512-")] == []


def test_our_clients_follow_no_redirect() -> None:
    assert [path for path, text in sources().items() if re.search(r"follow_redirects=True|allow_redirects=True", text)] == []


async def test_a_parameter_said_twice_opens_nothing(attacked: Starlette, access: Access) -> None:
    secret = await access.sign_in(actor_of(Role.GP))
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with nobody(attacked) as browser:
        browser.headers["cookie"] = f"maillage={secret}"
        answer = await browser.get("/connexion?suite=/nouveautes&suite=//evil.example")
        assert answer.headers["location"] in ("/nouveautes", "/")
        sent = await browser.post("/situation", content=b"csrf=x&csrf=y&lieu=a&lieu=b", headers=form)
        assert sent.status_code == 403
        assert (await browser.get("/patients?q=a&q=b")).status_code == 200
    async with await client_of(attacked, access, actor_of(Role.PATIENT), accept="application/fhir+json") as anne:
        both = await anne.get("/fhir/Patient?_id=anne&_id=bruno")
        assert both.json().get("entry", []) == []


def test_a_text_that_is_logged_stays_in_its_line(log_lines: io.StringIO) -> None:
    hostile = 'x\r\n{"event": "signed_in", "at": "now"}\n\x1b[2J\u2028"}'
    structlog.get_logger("ours").warning("sign_in_refused", why=hostile)
    lines = log_lines.getvalue().splitlines()
    assert len(log_lines.getvalue().rstrip("\n").split("\n")) == 1
    assert json.loads(log_lines.getvalue())["why"] == hostile
    assert "\x1b" not in lines[0]


async def test_a_refused_sign_in_is_in_the_log(platform: Platform, log_lines: io.StringIO) -> None:
    state = secrets.token_hex(8)
    config = replace(platform.config, psc_issuer="http://127.0.0.1:9")
    async with nobody(whole_application(replace(platform, config=config))) as browser:
        await browser.get("/connexion/retour", params={"state": state, "code": "x"})
    said: list[dict[str, Any]] = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    answered = [one for one in said if one["event"] == "answered" and one["route"] == "/connexion/retour"]
    assert [one["status"] for one in answered] == [400]
    assert state not in log_lines.getvalue()


@pytest.mark.parametrize("name", ["x-request-id", "user-agent", "referer"])
async def test_no_header_adds_a_line_to_the_log(attacked: Starlette, log_lines: io.StringIO, name: str) -> None:
    await ask(attacked, Asked("GET", b"/health", ((name, 'a\r\n{"event":"forged"}'),)), token="none")
    assert "forged" not in log_lines.getvalue()
