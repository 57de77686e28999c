"""Forms sent by another site, addresses that lead elsewhere, headers that pretend: on every page that takes a form, and every parameter that names a page."""

import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.http.csrf import masked
from maillage.http.routes import Declared, Kind
from tests.attacks.test_forced_browsing import OPEN, asked_of, who_may
from tests.support.asgi import Asked, ask
from tests.support.attacked import ANNE, actor_of
from tests.support.browser import HERE
from tests.support.pages import client_of

FORM = "application/x-www-form-urlencoded"
FOREIGN = (
    {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://maillage.test.evil.example"}, {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site", "origin": HERE}, {"origin": "http://maillage.test:8080"},
)  # fmt: skip


def forms(app: Starlette) -> Iterator[tuple[Declared, str]]:
    """Each page's form, with an address to send it to."""
    yield from ((route, address) for route, _, address in asked_of(app) if route.kind is Kind.ACTION)


async def browser_of(app: Starlette, access: Access, role: Role) -> tuple[httpx.AsyncClient, str]:
    secret = await access.sign_in(actor_of(role))
    cookie = {"cookie": f"maillage={secret}", "accept": "text/html"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, headers=cookie), secret


async def test_no_form_is_taken_that_another_site_sent(attacked: Starlette, access: Access) -> None:
    stranger = masked(await access.sign_in(ANNE))
    for route, address in forms(attacked):
        may = who_may(route.path, "POST")
        role = Role.GP if may is OPEN else sorted(may)[0]
        client, secret = await browser_of(attacked, access, role)
        async with client:
            for token in ("", "x", "00" * 64, stranger):
                answer = await client.post(address, data={"csrf": token})
                assert answer.status_code == 403, (address, token)
                answer = await client.post(address, headers={"x-csrf-token": token}, json={})
                assert answer.status_code == 403, (address, token)
            for headers in FOREIGN:
                answer = await client.post(address, data={"csrf": masked(secret)}, headers=headers)
                assert answer.status_code == 403, (address, headers)


async def test_no_form_before_sign_in_is_taken_that_another_site_sent(attacked: Starlette) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(attacked), base_url=HERE, headers={"accept": "text/html"}
    ) as nobody:
        for route, address in forms(attacked):
            if who_may(route.path, "POST") is not OPEN or route.path == "/deconnexion":
                continue
            for sent in ({}, *FOREIGN):
                answer = await nobody.post(address, data={"csrf": "00" * 64}, headers=sent)
                assert answer.status_code == 403, (address, sent)


async def test_the_fhir_door_takes_no_write_by_cookie_without_the_token(attacked: Starlette, access: Access) -> None:
    client, _ = await browser_of(attacked, access, Role.GP)
    async with client:
        for method, kind in product(("POST", "PUT", "PATCH", "DELETE"), ("text/plain", "application/fhir+json", FORM)):
            address = "/fhir/Basic" if method == "POST" else "/fhir/Patient/anne"
            answer = await client.request(method, address, content=b'{"resourceType":"Basic"}', headers={"content-type": kind})
            assert answer.status_code == 403, (method, kind)


async def test_no_door_for_programs_takes_a_write_by_cookie_that_another_site_sent(attacked: Starlette, access: Access) -> None:
    """Every route that is no page's form and takes more than a look: by what a browser sends of itself, nothing is written or read."""
    client, secret = await browser_of(attacked, access, Role.GP)
    asked = [
        (method, address)
        for route, method, address in asked_of(attacked)
        if route.kind is Kind.API and method not in ("GET", "HEAD")
    ]
    assert len(asked) > 20
    async with client:
        for method, address in asked:
            for headers in ({}, *FOREIGN):
                sent = headers | ({"x-csrf-token": masked(secret)} if headers else {})
                for kind in ("text/plain", "application/fhir+json", FORM):
                    answer = await client.request(method, address, content=b"a=b", headers=sent | {"content-type": kind})
                    assert answer.status_code == 403, (method, address, headers, kind)


ELSEWHERE = (
    "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "///evil.example", "javascript:alert(1)",
    "data:text/html,x", " //evil.example", "/%09/evil.example\r\nset-cookie: a=b", "http:evil.example", "//evil.example/%2f..", "\u2215\u2215evil.example", "//\u3002evil.example",
    "/connexion?suite=//evil.example", "@evil.example", "/..//evil.example", "/./\\evil.example",
)  # fmt: skip


def leads_elsewhere(address: str) -> bool:
    """Whether a browser that is on our page goes to another site: as the URL standard reads it, not as we do."""
    read = re.sub(r"[\t\n\r]", "", address.strip()).replace("\\", "/")
    parts = urlsplit(read)
    return parts.scheme not in ("", "http") or (parts.netloc not in ("", "maillage.test")) or read.startswith("//")


async def test_no_parameter_leads_to_another_site(attacked: Starlette, access: Access) -> None:
    client, secret = await browser_of(attacked, access, Role.GP)
    async with client:
        for suite, path in product(ELSEWHERE, ("/connexion", "/preuve", "/situation", "/compte/connexion")):
            answer = await client.get(path, params={"suite": suite})
            assert not leads_elsewhere(answer.headers.get("location", "/")), (path, suite)
            for link in re.findall(r"(?:href|action|src)=\"([^\"]*)\"", answer.text):
                assert not leads_elsewhere(link), (path, suite, link)
            for kept in re.findall(r"name=\"suite\" value=\"([^\"]*)\"", answer.text):
                assert not leads_elsewhere(kept), (path, suite, kept)
        for suite, path in product(ELSEWHERE, ("/situation", "/preuve/code")):
            answer = await client.post(path, data={"suite": suite, "csrf": masked(secret)})
            assert not leads_elsewhere(answer.headers.get("location", "/")), (path, suite)
        for suite, name in product(ELSEWHERE, ("url", "next", "retour", "redirect_uri", "return_to", "continue")):
            answer = await client.get("/connexion", params={name: suite})
            assert not leads_elsewhere(answer.headers.get("location", "/")), (name, suite)


async def test_a_path_that_begins_like_a_site_is_not_come_back_to(attacked: Starlette) -> None:
    for target in (
        b"//evil.example",
        b"//evil.example/..",
        b"/%5cevil.example",
        b"/%0d%0aset-cookie:%20a=b",
        b"http://evil.example/",
    ):
        answer = await ask(attacked, Asked("GET", target, (("accept", "text/html"),)), token="none")
        assert answer.status in (303, 400, 401, 404)
        assert not leads_elsewhere(answer.headers.get("location", "/"))
        assert "set-cookie" not in answer.headers
        assert "\n" not in answer.headers.get("location", "")


PRETENDED = (
    ("x-original-url", "/health"), ("x-rewrite-url", "/health"), ("x-http-method-override", "GET"), ("x-http-method", "DELETE"), ("x-method-override", "DELETE"),
    ("x-forwarded-user", "staff:officer"), ("x-remote-user", "staff:officer"), ("remote-user", "staff:officer"), ("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1;host=evil.example"),
    ("x-forwarded-host", "evil.example"), ("x-host", "evil.example"), ("host", "evil.example"), ("x-forwarded-proto", "https"), ("x-forwarded-prefix", "/evil.example"), ("x-client-cert", "CN=machine"),
    ("x-ssl-client-s-dn", "CN=machine"), ("via", "1.1 evil.example"), ("connection", "authorization"), ("te", "trailers"),
)  # fmt: skip


async def test_no_header_opens_a_door_or_names_our_address(attacked: Starlette, access: Access) -> None:
    fhir = {"accept": "application/fhir+json"}
    nobody = httpx.AsyncClient(transport=httpx.ASGITransport(attacked), base_url=HERE)
    async with await client_of(attacked, access, actor_of(Role.GP)) as gp, nobody:
        for header in PRETENDED:
            headers = dict([header])
            assert (await gp.get("/traces", headers=headers)).status_code == 403, header
            bundle = await gp.get("/fhir/Patient?_count=1", headers=headers | fhir)
            assert (bundle.status_code, "evil.example" in bundle.text) == (200, False), header
            assert (await gp.get("/fhir/Patient/anne", headers=headers | fhir)).status_code == 200, header
            answer = await nobody.get("/traces", headers=headers | {"accept": "text/html"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/connexion?suite=%2Ftraces"), header
            sign_in = await nobody.get("/connexion", headers=headers | {"accept": "text/html"})
            assert "evil.example" not in sign_in.text, header


async def test_no_secret_is_taken_from_an_address(attacked: Starlette, access: Access) -> None:
    secret = await access.sign_in(actor_of(Role.GP))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(attacked), base_url=HERE) as nobody:
        for place in ("access_token", "token", "maillage", "session", "authorization"):
            assert (await nobody.get("/fhir/Patient", params={place: secret})).status_code == 401, place
            answer = await nobody.get("/connexion", params={place: "planted"}, headers={"accept": "text/html"})
            assert "planted" not in answer.headers.get("set-cookie", ""), place


async def test_a_planted_cookie_opens_nothing_and_is_handed_to_nobody(attacked: Starlette) -> None:
    cookie = {"cookie": "maillage=planted-by-somebody-else", "accept": "text/html"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(attacked), base_url=HERE, headers=cookie) as victim:
        answer = await victim.get("/nouveautes")
        assert answer.status_code == 303
        assert "planted" not in answer.headers.get("set-cookie", "")
