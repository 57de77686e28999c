"""Every route without and with each role: who may is written here by hand, from what each role is for, and shares nothing with the code that decides."""

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.fhir.definitions import resource_types
from maillage.http.routes import Declared, Kind
from tests.support.attacked import ANNE, STRANGERS, actor_of, records_of
from tests.support.browser import HERE
from tests.support.pages import client_of

CARE = {Role.GP, Role.NURSE, Role.HOSPITAL, Role.PROFESSIONAL}
COORDINATION = {Role.COORDINATOR, Role.SOCIAL_WORKER}
CIRCLE = CARE | COORDINATION
OWN = {Role.PATIENT, Role.CARER, Role.REPRESENTATIVE}
IN_NAME = {Role.PATIENT, Role.REPRESENTATIVE}  # the person, or who acts in their name
ALL = set(Role) - {Role.JOB, Role.REGULATOR}  # a doctor regulates besides what else they are
USERS = ALL - {Role.EDITOR}  # an editor of software sees its own pages, and nothing of the territory
OPEN: set[Role] | None = None  # also to those who did not sign in

# The first that begins an address says who comes past its door; a space and a method narrow it.
WHO: dict[str, set[Role] | None] = {
    "/patients/{id}/constantes POST": CARE, "/demandes-d-appui/{id} POST": COORDINATION,
    "/fhir/{kind}/{id} DELETE": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM},
    "/fhir/{kind}/{id} PATCH": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM},
    "/fhir/{kind}/{id} PUT": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM},
    "/fhir/{kind} DELETE": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM},
    "/fhir/{kind} PATCH": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM},
    "/fhir/{kind} POST": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM},
    "/fhir/{kind} PUT": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM}, "/.well-known/openid-configuration": OPEN,
    "/demandes-d-appui/{id}/reprise": COORDINATION, "/patients/{id}/appui/{episode}": COORDINATION, "/mes-documents/{id}/masquer": IN_NAME,
    "/mes-documents/{id}/montrer": IN_NAME, "/demandes-d-appui/chiffres": COORDINATION, "/patients/{id}/constantes/": CARE, "/patients/{id}/plaies POST": CARE,
    "/patients/{id}/plaies/{wound} POST": CARE, "/patients/{id}/plaies/{wound}/fermer": CARE,
    "/connecteurs/mis-de-cote": {Role.STEWARD, Role.OPERATOR},
    "/fhir/Communication/{id}/$mark-read": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM},
    "/fhir/{kind}/{id}/$meta-": CIRCLE | IN_NAME | {Role.STEWARD, Role.OPERATOR, Role.SYSTEM},
    "/patients/{id}/documents": CIRCLE | OWN | {Role.SYSTEM}, "/demandes-d-appui/{id}/": CIRCLE, "/patients/{id}/messages": CIRCLE | OWN,
    "/habilitations/{class}": {Role.OFFICER}, "/patients/{id}/secrets": CARE, "/patients/{id}/urgence": CARE,
    "/donnees-personnelles": OPEN, "/patients/{id}/seuils": CARE, "/acces-inhabituels": {Role.OFFICER}, "/mes-notifications": CIRCLE | OWN,
    "/demandes-d-appui": CIRCLE, "/fhir/.well-known": OPEN, "/mes-applications": CIRCLE | OWN, "/oauth/authorize": CIRCLE | OWN,
    "/acces-urgence": {Role.OFFICER}, "/accessibilite": OPEN, "/fhir/metadata": OPEN, "/habilitations": ALL, "/mes-appareils": ALL,
    "/mes-documents": OWN, "/patients/{id}": CIRCLE, "/representants": {Role.OFFICER}, "/conservation": {Role.OFFICER},
    "/developpeurs": {Role.EDITOR}, "/mes-demandes": IN_NAME, "/connecteurs": {Role.OPERATOR}, "/corrections": CIRCLE,
    "/deconnexion": OPEN, "/file-active": COORDINATION, "/invitation": ALL, "/indicateurs": {Role.OPERATOR, Role.ARS}, "/mes-proches": {Role.PATIENT},
    "/mes-secrets": {Role.PATIENT}, "/quarantaine": {Role.STEWARD, Role.OPERATOR}, "/mon-compte": ALL, "/nouveautes": CIRCLE,
    "/centre-15": {Role.REGULATOR}, "/connexion": OPEN, "/documents": CIRCLE | OWN | {Role.SYSTEM}, "/identites": {Role.STEWARD},
    "/logiciels": {Role.OPERATOR}, "/mes-choix": IN_NAME, "/mon-appui": OWN, "/situation": ALL, "/annonces": CARE | {Role.SYSTEM},
    "/annuaire": USERS, "/chercher": ALL, "/demandes": {Role.OFFICER}, "/messages": CIRCLE | OWN, "/mon-plan": OWN, "/mon-cahier": OWN, "/mes-questionnaires": OWN, "/ma-semaine": OWN,
    "/patients": CIRCLE | {Role.STEWARD}, "/qui-a-vu": OWN, "/sessions": {Role.OPERATOR}, "/accueil": OWN, "/alertes": CIRCLE,
    "/compte/": OPEN, "/comptes": {Role.OPERATOR, Role.ADMINISTRATOR}, "/metrics": OPEN, "/tournee": CARE, "/urgence": CARE,
    "/health": OPEN, "/oauth/": OPEN, "/preuve": ALL, "/taches": CIRCLE, "/agenda": CIRCLE, "/planning": CIRCLE, "/absences": CIRCLE, "/visites": CIRCLE, "/traces": {Role.OFFICER}, "/fhir": USERS, "/flux": ALL,
}  # fmt: skip
SHUT = re.compile(r"needs the permission")


def who_may(path: str, method: str) -> set[Role] | None:
    """The roles that come past the door of this route, None where it is open."""
    if path == "/":
        return ALL
    exact = WHO.get(f"{path} {method}")
    if exact is not None:
        return exact
    found = next((name for name in WHO if " " not in name and path.startswith(name)), None)
    assert found is not None, f"{path} is new: say in this file who comes past its door"
    return WHO[found]


def asked_of(app: Starlette) -> Iterator[tuple[Declared, str, str]]:
    """Each route, with each of its methods and an address where nothing is."""
    for route in app.state.declared:
        filled = route.path.replace("{kind}", "Basic").replace("{number:int}", "1").replace("{id:int}", "1")
        for method in route.methods:
            yield route, method, re.sub(r"\{\w+\}", "nobody", filled)


async def test_nobody_comes_past_a_door_without_signing_in(attacked: Starlette) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(attacked), base_url=HERE, headers={"accept": "text/html"}
    ) as nobody:
        for route, method, address in asked_of(attacked):
            if who_may(route.path, method) is OPEN:
                continue
            answer = await nobody.request(method, address)
            if route.path.startswith("/fhir"):
                assert answer.status_code == 401, (method, address)
            else:
                assert answer.status_code == 303, (method, address)
                assert answer.headers["location"].startswith("/connexion"), (method, address)


async def test_each_kind_of_role_comes_past_its_own_doors_and_no_other(attacked: Starlette, access: Access) -> None:
    for role in (Role.GP, Role.PATIENT, Role.OPERATOR, Role.EDITOR):
        await past_its_own_doors(role, attacked, access)


@pytest.mark.long
async def test_each_role_comes_past_its_own_doors_and_no_other(attacked: Starlette, access: Access) -> None:
    for role in sorted(ALL):
        await past_its_own_doors(role, attacked, access)


async def past_its_own_doors(role: Role, attacked: Starlette, access: Access) -> None:
    async with await client_of(attacked, access, actor_of(role), accept="application/json") as client:
        for route, method, address in asked_of(attacked):
            may = who_may(route.path, method)
            if route.kind is Kind.STREAM and (may is OPEN or role in may):
                continue  # lasts until it is closed: tests of the live notices open it
            answer = await client.request(method, address)
            shut = answer.status_code == 403 and SHUT.search(answer.text) is not None
            assert shut == (may is not OPEN and role not in may), (role, method, address, answer.status_code)
            assert answer.status_code != 401, (role, method, address)
            assert answer.status_code < 500, (role, method, address, answer.text)


async def test_no_type_of_record_is_open_to_those_who_did_not_sign_in(attacked: Starlette) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(attacked), base_url=HERE) as nobody:
        for kind in resource_types():
            for method, end in (
                ("GET", ""),
                ("POST", ""),
                ("GET", "/x"),
                ("GET", "/x/_history"),
                ("DELETE", "/x"),
                ("POST", "/_search"),
            ):
                answer = await nobody.request(method, f"/fhir/{kind}{end}")
                assert answer.status_code == 401, (method, kind, end)


async def test_an_id_that_is_guessed_is_answered_as_one_that_does_not_exist(attacked: Starlette, access: Access) -> None:
    known = [
        "Patient/anne",
        "RelatedPerson/carer-anne",
        *(f"{one['resourceType']}/{one['id']}" for one in records_of("anne", "")),
    ]
    async with AsyncExitStack() as stack:
        for stranger, actor in STRANGERS.items():
            client = await stack.enter_async_context(await client_of(attacked, access, actor, accept="application/fhir+json"))
            for reference in known:
                if stranger == "a steward" and reference.split("/")[0] not in {
                    "Observation",
                    "Condition",
                    "DocumentReference",
                    "Task",
                }:
                    continue  # a steward says who people are: identities are theirs to read
                for end in ("", "/_history/1"):
                    kind, id = reference.split("/")
                    answer = await client.get(f"/fhir/{reference}{end}")
                    absent = await client.get(f"/fhir/{kind}/absent{end}")
                    same = answer.text.replace(id, "absent") == absent.text
                    assert (answer.status_code, same) == (absent.status_code, True), (stranger, reference, end, answer.text)


PAGES = (
    "/patients/anne", "/patients/anne/cercle", "/patients/anne/documents", "/documents/documentreference-anne", "/documents/documentreference-anne/original",
    "/documents/documentreference-anne/pdf", "/documents/documentreference-anne/fichiers/1", "/mes-documents/documentreference-anne",
)  # fmt: skip
ACTIONS = (
    "/mes-documents/documentreference-anne/lu", "/mes-documents/documentreference-anne/masquer", "/mes-documents/documentreference-anne/montrer",
    "/nouveautes/documentreference-anne/traite", "/taches/task-anne/faite", "/patients/anne/choix", "/patients/anne/urgence/fermer",
)  # fmt: skip


async def test_the_pages_of_another_person_are_those_of_nobody(attacked: Starlette, access: Access) -> None:
    before = await everything_of_anne(attacked, access)
    async with AsyncExitStack() as stack:
        for stranger, actor in STRANGERS.items():
            client = await stack.enter_async_context(await client_of(attacked, access, actor))
            for path in PAGES:
                answer = await client.get(path)
                assert answer.status_code in (400, 403, 404), (stranger, path)
                assert "Secretaire" not in answer.text, (stranger, path)
            for path in ACTIONS:
                answer = await client.post(path, data={"choix": "exclure", "motif": "x"})
                assert answer.status_code in (303, 400, 403, 404, 409, 422), (stranger, path, answer.status_code)
    assert await everything_of_anne(attacked, access) == before


async def everything_of_anne(app: Starlette, access: Access) -> list[str]:
    async with await client_of(app, access, ANNE, accept="application/fhir+json") as anne:
        found = (await anne.get("/fhir/Patient/anne/$everything?_count=100")).json()["entry"]
    return sorted(
        f"{one['resource']['resourceType']}/{one['resource']['id']}@{one['resource']['meta']['versionId']}" for one in found
    )
