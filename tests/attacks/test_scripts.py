"""A script in every text that somebody may write: shown as text on every page, in the HTML and in a browser that knows no Content-Security-Policy."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from playwright.async_api import Browser
from starlette.applications import Starlette

import maillage
from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.access.platform import Platform
from maillage.http.routes import Kind
from maillage.services.documents import public as documents
from maillage.services.documents.public import Origin
from maillage.services.identity import public as identity
from tests.attacks.test_forced_browsing import ALL, OPEN, who_may
from tests.support.attacked import actor_of, whole_application, write_world
from tests.support.browser import screen
from tests.support.letters import discharge_letter
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, care_team

TEXT = "<img src=x onerror=\"document.title='PWNED'\"><script>document.title='PWNED'</script>'\"{{1234*4321}}${1234*4321}"
LIVE = re.compile(r"<img src=x|<script>document|5332114|onerror=\"document")
IDS = {
    "/documents": "documentreference-anne",
    "/mes-documents": "documentreference-anne",
    "/patients": "anne",
    "/messages": "talk-anne",
    "/taches": "todo-anne",
    "/demandes-d-appui": "support-anne",
    "/comptes": "nobody",
    "/habilitations": "nobody",
}


@pytest.fixture
async def hostile(platform: Platform, access: Access) -> Starlette:
    """The whole application, where every text of Anne's record is a script."""
    await write_world(access, TEXT)
    return whole_application(platform)


@cache
def parameters() -> list[str]:
    """What any page reads of its address, from our own sources, and some that none does."""
    sources = Path(maillage.__file__).parent.rglob("*.py")
    found = {name for one in sources for name in re.findall(r"query_params\.get\(\"(\w+)\"", one.read_text(encoding="utf-8"))}
    assert {"q", "suite", "vue"} <= found
    return sorted(found | {"refus", "nom", "type", "du", "au", "page"})


def pages(app: Starlette, role: Role) -> Iterator[str]:
    """The address of every page that this role opens."""
    for route in app.state.declared:
        may = who_may(route.path, "GET")
        if route.kind is Kind.PAGE and (may is OPEN or role in may):
            id = next((id for prefix, id in IDS.items() if route.path.startswith(f"{prefix}/")), "nobody")
            yield re.sub(r"\{\w+(:int)?\}", lambda found, id=id: "1" if found[1] else id, route.path)


async def test_no_page_of_each_kind_of_reader_shows_a_text_as_html(hostile: Starlette, access: Access) -> None:
    await shown_as_text(hostile, access, [Role.GP, Role.PATIENT])


@pytest.mark.long
async def test_no_page_of_any_role_shows_a_text_as_html(hostile: Starlette, access: Access) -> None:
    await shown_as_text(hostile, access, sorted(ALL))


async def shown_as_text(hostile: Starlette, access: Access, roles: list[Role]) -> None:
    seen: set[str] = set()
    for role in roles:
        async with await client_of(hostile, access, actor_of(role)) as client:
            for path in pages(hostile, role):
                for query in ({}, dict.fromkeys(parameters(), TEXT)):
                    answer = await client.get(path, params=query)
                    assert answer.status_code < 500, (role, path, answer.text)
                    if "html" in answer.headers.get("content-type", ""):
                        assert not LIVE.search(answer.text), (role, path, bool(query))
                        seen |= {path} if "&lt;img" in answer.text else set()
    assert {"/nouveautes", "/patients/anne", "/patients/anne/cercle", "/documents/documentreference-anne", "/accueil"} <= seen
    of_anne = (
        "chronologie",
        "plan",
        "cahier",
        "semaine",
        "situation-de-vie",
        "concertations",
        "appui",
        "messages",
        "plaies",
        "cercle/membres",
    )
    assert {f"/patients/anne/{page}" for page in of_anne} | {
        "/messages/talk-anne",
        "/taches/todo-anne",
        "/mon-plan",
    } <= seen


async def test_a_fault_shows_the_address_as_text(hostile: Starlette, access: Access) -> None:
    async with await client_of(hostile, access, actor_of(Role.GP)) as client:
        for path in (
            "/{}",
            "/patients/{}",
            "/documents/{}",
            "/documents/{}/fichiers/1",
            "/static/{}",
            "/fhir/{}",
            "/fhir/Patient/{}",
            "/fhir/Patient?{}=x",
        ):
            answer = await client.get(path.format(TEXT.replace("/", "%2f").replace("?", "%3f")))
            kind = answer.headers["content-type"]
            assert "html" not in kind or not LIVE.search(answer.text), path
            assert answer.headers["x-content-type-options"] == "nosniff"


SHOWN = {
    Role.GP: ("/nouveautes", "/patients?q=img", "/patients/anne", "/patients/anne/cercle", "/patients/anne/documents", "/documents/documentreference-anne", "/taches", "/annuaire?nom=img"),
    Role.PATIENT: ("/accueil", "/mes-documents", "/mes-documents/documentreference-anne", "/qui-a-vu", "/mes-choix"),
    Role.COORDINATOR: ("/file-active",),
    Role.STEWARD: ("/identites", "/quarantaine"),
}  # fmt: skip


async def quiet(browser: Browser, app: Any, headers: tuple[tuple[str, str], ...], paths: tuple[str, ...]) -> None:
    """No script of these pages but ours runs, though the browser holds to no policy."""
    window = await screen(browser, app, headers=headers, policy=False)
    for path in paths:
        await window.open(path)
        assert await window.page.title() != "PWNED", path
        foreign = await window.page.evaluate(
            "() => [...document.querySelectorAll('[onerror], [onload], [onclick], script:not([src]), iframe:not([src^=\"/\"])')].map(e => e.outerHTML)"
        )
        assert [one for one in foreign if "PWNED" in one or "onerror" in one] == [], path
    await window.context.close()


@pytest.mark.browser
async def test_no_script_of_others_runs_in_a_browser(
    hostile: Starlette, access: Access, browser: Browser, signed_in: Any
) -> None:
    for role, paths in SHOWN.items():
        await quiet(browser, hostile, await signed_in(actor_of(role)), paths)


def scripted(letter: bytes) -> bytes:
    """A letter whose texts, names and labels are scripts, but for who it is about."""
    root = etree.fromstring(letter)
    names = {
        "title",
        "paragraph",
        "td",
        "th",
        "item",
        "content",
        "caption",
        "family",
        "given",
        "prefix",
        "name",
        "city",
        "streetAddressLine",
        "text",
    }
    for one in root.iter("{urn:hl7-org:v3}*"):
        if any(etree.QName(above).localname == "recordTarget" for above in (one, *one.iterancestors())):
            continue
        if etree.QName(one).localname in names and (one.text or "").strip():
            one.text = TEXT
        if "displayName" in one.attrib:
            one.set("displayName", TEXT)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


@pytest.mark.browser
async def test_no_script_of_a_clinical_document_runs(
    platform: Platform, access: Access, browser: Browser, signed_in: Any
) -> None:
    dominique = {
        "resourceType": "Patient", "id": "anne", "name": [{"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"]}], "gender": "female", "birthDate": "1979-03-28",
        "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989"}],
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        await ctx.records.write(identity.as_regional(dominique, "R-1"), care_team("anne", "Practitioner/gp"))
    async with access.act(MACHINE) as ctx:
        received = await documents.receive(ctx, scripted(discharge_letter("Lettre")), origin=Origin(door="mllp"))
    assert received.patient == "Patient/anne"
    app = whole_application(platform)
    path = f"/documents/{received.document}"
    async with await client_of(app, access, actor_of(Role.GP)) as client:
        page = await client.get(path)
    assert page.status_code == 200
    assert "&lt;img src=x" in page.text
    assert not LIVE.search(page.text)
    await quiet(browser, app, await signed_in(actor_of(Role.GP)), (path, "/patients/anne/documents", "/nouveautes"))
