"""Every page of every persona, on the running product: it answers, axe finds nothing, nothing scrolls sideways, the keyboard goes through it, no script fails.

A page that is declared and stands in no list here is red: nobody forgets one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from maillage.app import declared_routes
from maillage.http.routes import Kind
from tests.journeys.test_main_job import signed_in
from tests.support.browser import DESK, PHONE, Screen, screen
from tests.support.territory import Territory

pytestmark = pytest.mark.browser

# What each persona opens. `{…}` is filled from the first link of that shape on the page named in LINKED.
PAGES = {
    "nobody": [
        "/connexion", "/connexion?refus=dossier", "/connexion/telephone", "/compte/connexion", "/accessibilite", "/donnees-personnelles",
    ],
    "gp": [
        "/nouveautes", "/nouveautes?vue=traites", "/documents/{id}", "/patients", "/patients?q=PAT-TROIS", "/patients/{id}",
        "/patients/{id}/documents", "/patients/{id}/cercle", "/patients/{id}/secrets", "/patients/{id}/applications", "/annonces",
        "/corrections", "/annuaire", "/annuaire?nom=exemple", "/urgence", "/habilitations", "/mes-appareils", "/mes-applications",
        "/preuve", "/patients/{id}/chronologie", "/patients/{id}/plan", "/patients/{id}/messages", "/patients/{id}/messages/nouveau",
        "/demandes-d-appui", "/demandes-d-appui/nouvelle", "/demandes-d-appui/envoyees", "/patients/{id}/appui", "/patients/{id}/cercle/membres", "/patients/{id}/cercle/membres?nom=essai",
        "/patients/{id}/concertations", "/patients/{id}/plan/versions", "/patients/{id}/recherche?q=tension",
        "/patients/{id}/situation-de-vie", "/patients/{id}/cahier", "/patients/{id}/constantes", "/patients/{id}/constantes/saisir", "/patients/{id}/semaine",
        "/patients/{id}/contacts", "/patients/{id}/visites/nouvelle", "/patients/{id}/evaluations",
    ],
    "nurse": [
        "/nouveautes", "/patients", "/annonces", "/messages", "/messages?vue=sujets", "/mes-notifications", "/tournee", "/patients/{id}/plaies",
    ],
    "hospital": [
        "/situation",
    ],
    "regulator": [
        "/centre-15",
    ],
    "outsider": [
        "/patients?q=PAT-TROIS", "/urgence",
    ],
    "coordinator": [
        "/file-active", "/file-active?vue=change", "/file-active?vue=silence", "/taches", "/taches?vue=faites", "/corrections", "/taches?vue=equipe",
        "/demandes-d-appui", "/demandes-d-appui?vue=nouvelles", "/demandes-d-appui/chiffres", "/alertes", "/agenda", "/agenda?vue=jour", "/planning", "/absences",
    ],
    "social-worker": [
        "/file-active", "/taches", "/patients",
    ],
    "steward": [
        "/identites", "/identites/{id}", "/quarantaine", "/quarantaine/{id}",
    ],
    "operator": [
        "/connecteurs", "/quarantaine", "/indicateurs", "/health", "/comptes", "/comptes/inviter", "/logiciels", "/sessions",
    ],
    "ars": [
        "/indicateurs",
    ],
    "officer": [
        "/acces-urgence", "/acces-urgence?vue=examines", "/acces-inhabituels", "/acces-inhabituels?vue=examines", "/demandes",
        "/demandes?vue=repondues", "/conservation", "/traces", "/habilitations", "/habilitations/{class}", "/representants", "/annuaire",
    ],
    "patient": [
        "/accueil", "/mes-documents", "/mes-documents/{id}", "/qui-a-vu", "/qui-a-vu?logiciels=1", "/mes-choix", "/mes-proches",
        "/mes-demandes", "/mes-demandes/effacement", "/mes-secrets", "/mes-appareils", "/mes-applications", "/situation", "/preuve",
        "/mon-appui", "/messages", "/mon-plan", "/mon-cahier", "/ma-semaine", "/mes-questionnaires",
    ],
    "carer": [
        "/accueil", "/mes-documents", "/mes-documents/{id}", "/qui-a-vu", "/mon-appui", "/mon-cahier", "/ma-semaine",
    ],
    "guardian": [
        "/accueil", "/mes-documents", "/qui-a-vu", "/mes-choix", "/mes-demandes",
    ],
    "editor": [
        "/developpeurs", "/developpeurs/nouveau",
    ],
}  # fmt: skip
LINKED = {
    "/documents/{id}": "/nouveautes",
    "/mes-documents/{id}": "/mes-documents",
    "/identites/{id}": "/identites",
    "/quarantaine/{id}": "/quarantaine",
    "/habilitations/{class}": "/habilitations",
}
ACCOUNTS = "src/maillage/services/accounts/tests/test_accounts_pages.py"
SOFTWARE = "tests/journeys/test_software.py"
ERASURE = "src/maillage/services/rights/tests/test_rights_erasure.py"
SUPPORT = "tests/journeys/test_support_request.py"
CONVERSATIONS = "src/maillage/services/messaging/tests/test_messaging_talk.py"
TASKS = "src/maillage/services/coordination/tests/test_coordination_tasks.py"
MEETINGS = "src/maillage/services/coordination/tests/test_coordination_meetings.py"
INVITATIONS = "src/maillage/services/coordination/tests/test_coordination_invitations.py"
AGENDA = "src/maillage/services/coordination/tests/test_coordination_agenda.py"
FACTS = "src/maillage/services/coordination/tests/test_coordination_facts.py"
WOUNDS = "src/maillage/services/coordination/tests/test_coordination_wounds.py"
ASSESSMENTS = "src/maillage/services/assessment/tests/test_assessment_pages.py"
ELSEWHERE = {
    "/compte/lien": ACCOUNTS, "/comptes/{id}/lien": ACCOUNTS, "/mon-compte": ACCOUNTS, "/developpeurs/{id}": SOFTWARE,
    "/logiciels/{id}": SOFTWARE, "/oauth/authorize": SOFTWARE, "/demandes/{id}/effacement": ERASURE, "/demandes-d-appui/{id}": SUPPORT,
    "/messages/{id}": CONVERSATIONS, "/messages/{id}/corriger": CONVERSATIONS, "/taches/nouvelle": TASKS, "/taches/{id}": TASKS,
    "/patients/{id}/concertations/{meeting}": MEETINGS, "/patients/{id}/donnees/{kind}": FACTS, "/patients/{id}/donnees/{kind}/{fact}": FACTS,
    "/patients/{id}/evaluations/{assessment}": ASSESSMENTS, "/patients/{id}/evaluations/comparer": ASSESSMENTS, "/mes-questionnaires/{asked}": ASSESSMENTS,
    "/patients/{id}/plaies/{wound}": WOUNDS, "/invitation": INVITATIONS, "/visites/{id}": AGENDA,
}  # fmt: skip
"""Pages that ask for something to be done first, and the test that looks at them."""
NO_PAGE = {
    "/", "/documents/{id}/original", "/documents/{id}/pdf", "/documents/{id}/fichiers/{number:int}", "/indicateurs.csv", "/traces.csv", "/file-active.csv",
    "/messages/pieces/{id}", "/messages/{id}/pdf", "/patients/{id}/plan/pdf", "/patients/{id}/photos/{photo}", "/mon-cahier/photos/{photo}",
}  # fmt: skip
"""Declared as pages, but files and a redirection."""
ROOT = Path(__file__).resolve().parents[2]


def test_no_page_is_forgotten() -> None:
    declared = {route.path for route in declared_routes() if route.kind is Kind.PAGE}
    walked = {path.partition("?")[0] for pages in PAGES.values() for path in pages}
    assert declared - walked - ELSEWHERE.keys() - NO_PAGE == set(), "new: say above who opens it"
    assert (ELSEWHERE.keys() | NO_PAGE) - declared == set(), "gone"
    for path, file in ELSEWHERE.items():
        assert path.partition("/{")[0] in (ROOT / file).read_text(encoding="utf-8"), file


def patient_of(territory: Territory) -> str:
    """The id of the official test patient, as their own token finds it."""
    headers = {"Authorization": f"Bearer {territory.token('patient')}"}
    found = httpx.get(f"{territory.fhir}/Patient", params={"family": "PAT-TROIS"}, headers=headers).json()
    return str(found["entry"][0]["resource"]["id"])


@pytest.mark.parametrize("role", sorted(PAGES.keys() - {"officer", "operator", "steward"}))
async def test_the_pages_of_a_persona(browser: Browser, territory: Territory, role: str) -> None:
    """Each is opened, and every other looked at, in turn at a desk by keyboard and on a phone; all at both, and those of the desks behind, in `make test-long`."""
    sampled = {path: ((DESK,), (), (PHONE,), ())[rank % 4] for rank, path in enumerate(PAGES[role])}
    await walk(browser, territory, role, sampled)


@pytest.mark.long
@pytest.mark.parametrize("role", PAGES)
async def test_the_pages_of_a_persona_at_both_widths(browser: Browser, territory: Territory, role: str) -> None:
    await walk(browser, territory, role, dict.fromkeys(PAGES[role], (DESK, PHONE)))


async def walk(browser: Browser, territory: Territory, role: str, widths: Mapping[str, Sequence[int]]) -> None:
    window = await (screen(browser) if role == "nobody" else signed_in(browser, territory, role))
    faults: list[str] = []
    window.page.on("pageerror", lambda error: faults.append(str(error)))
    titles = [await _look(window, territory, role, path, at) for path, at in widths.items()]
    if await window.page.locator(".m-menu").count():
        await window.check_menu()
    assert faults == []
    assert all(titles), titles


async def _look(window: Screen, territory: Territory, role: str, path: str, widths: Sequence[int]) -> str:
    address = await _filled(window, territory, path)
    answer = await window.page.goto(f"{territory.web}{address}")
    assert answer is not None
    assert answer.status == 200, path
    assert await window.page.locator("h1").count() == 1, path
    if widths:
        await window.check(f"page-{role}{re.sub('[^a-z0-9]+', '-', path.lower()).rstrip('-')}", widths=widths)
    if DESK in widths:
        assert (await window.tab_order())[0] == "Aller au contenu", path
    return (await window.page.title()).removesuffix(" – Maillage")


async def _filled(window: Screen, territory: Territory, path: str) -> str:
    if path.startswith("/patients/{id}"):
        return path.replace("{id}", patient_of(territory))
    if "{" not in path:
        return path
    await window.page.goto(f"{territory.web}{LINKED[path]}")
    start = path.partition("{")[0]
    links: Iterable[str] = await window.page.eval_on_selector_all(
        "main a[href]", "all => all.map(one => one.getAttribute('href'))"
    )
    return next(link for link in links if re.fullmatch(f"{start}[^/?#]+", link))


async def test_the_inbox_is_walked_by_keyboard(browser: Browser, territory: Territory) -> None:
    window = await signed_in(browser, territory, "gp")
    await window.open(f"{territory.web}/nouveautes")
    order = await window.tab_order()
    assert any("Marquer comme traité" in name for name in order)
