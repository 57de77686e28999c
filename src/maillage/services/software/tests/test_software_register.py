"""The register: asked for at the endpoint or on the developers' page, decided by an administrator, seen by its editor."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.services.directory import pages as directory
from maillage.services.software import operations, pages
from maillage.services.software.rules.refusals import Refused
from maillage.services.software.rules.registration import described, redirectable
from maillage.services.software.service.granting import fault_of
from tests.support.people import SEED, officer_of, professional
from tests.support.software import (
    EC,
    FHIR,
    OPERATOR,
    RSA,
    application_of_people,
    asking,
    assertion,
    browsing,
    jwks,
    metadata,
    registered,
    signed,
    token_in,
)

EDITOR = Actor(id="account:editor", kind=ActorKind.PROFESSIONAL, name="Éditeur", roles=frozenset({Role.EDITOR}))
RIVAL = Actor(id="account:rival", kind=ActorKind.PROFESSIONAL, name="Rival", roles=frozenset({Role.EDITOR}))
FORM = {
    "nom": "Carnet", "editeur": "Éditeur SAS", "contact": "dev@editeur.example", "sorte": "secret", "retours": "https://app.example/retour",
    "droits": "launch/patient patient/Observation.rs",
}  # fmt: skip


@pytest.fixture
def app(application: Any) -> Starlette:
    return application(operations, pages, directory, FHIR)  # type: ignore[no-any-return]


WEAK: list[tuple[dict[str, Any], str]] = [
    ({"redirect_uris": []}, "invalid_redirect_uri"),
    ({"redirect_uris": ["http://app.example/"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["data:text/html,x"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["https://app.example/#x"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["https://ours@evil.example/"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["https://app.example\\@evil.example/"]}, "invalid_redirect_uri"),
    ({"redirect_uris": "https://app.example/"}, "invalid_client_metadata"),
    ({"client_name": ""}, "invalid_client_metadata"),
    ({"client_name": "x" * 81}, "invalid_client_metadata"),
    ({"client_name": "Carnet\u202egro"}, "invalid_client_metadata"),
    ({"contacts": []}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": "client_secret_post"}, "invalid_client_metadata"),
    ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
    ({"grant_types": ["client_credentials"], "scope": "system/Patient.rs"}, "invalid_client_metadata"),
    ({"scope": ""}, "invalid_client_metadata"),
    ({"scope": "system/Patient.rs"}, "invalid_client_metadata"),
    ({"scope": "patient/Nothing.rs"}, "invalid_client_metadata"),
    ({"scope": "admin"}, "invalid_client_metadata"),
    ({"jwks": jwks(), "jwks_uri": "https://app.example/jwks"}, "invalid_client_metadata"),
    ({"jwks": {"keys": [EC.as_dict(private=True) | {"kid": "ec"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [jwks(RSA)["keys"][0] | {"n": "AQAB"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [jwks(EC)["keys"][0] | {"crv": "P-256"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": []}}, "invalid_client_metadata"),
    ({"jwks_uri": "ftp://app.example/jwks"}, "invalid_client_metadata"),
    ({"initiate_login_uri": "http://app.example/"}, "invalid_client_metadata"),
]


def test_what_is_no_software_is_refused_with_its_member() -> None:
    assert described(application_of_people(), fault_of).redirects
    for more, error in WEAK:
        with pytest.raises(Refused) as refusal:
            described(application_of_people(**more), fault_of)
        assert refusal.value.error == error, more
        assert refusal.value.french, more


def test_a_browser_is_sent_by_https_to_the_machine_itself_or_to_an_application() -> None:
    good = ["https://a.example/x?y=1", "http://127.0.0.1:3000/", "http://localhost/cb", "http://[::1]/cb", "com.example.app:/cb"]
    bad = [
        "",
        "//evil.example",
        "/cb",
        "app:/cb",
        "file:///etc/passwd",
        "https://",
        "http://127.0.0.1.evil.example/",
        "https://a.example/ x",
    ]
    assert [redirectable(one) for one in good + bad] == [True] * len(good) + [False] * len(bad)


async def test_whoever_asks_at_the_endpoint_waits(access: Access, app: Starlette) -> None:
    async with asking(app) as program:
        answer = await program.post(
            "/oauth/register", json=application_of_people(token_endpoint_auth_method="client_secret_basic")
        )
        made = answer.json()
        assert (answer.status_code, made["registration_state"], made["client_secret_expires_at"]) == (201, "waiting", 0)
        assert len(made["client_secret"]) == 43
        form = {"grant_type": "refresh_token", "refresh_token": "x"}
        assert (await program.post("/oauth/token", data=form, auth=(made["client_id"], made["client_secret"]))).status_code == 401
        wrong = await program.post("/oauth/register", json=application_of_people(redirect_uris=["http://evil.example/"]))
        assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_redirect_uri")
        for body in ("[]", "{", '"x"', ""):
            refused = await program.post("/oauth/register", content=body, headers={"content-type": "application/json"})
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
        for _ in range(19):
            assert (await program.post("/oauth/register", json=metadata())).status_code == 201
        late = await program.post("/oauth/register", json=metadata())
        assert (late.status_code, late.headers["retry-after"]) == (429, "3600")
    async with await browsing(app, access, OPERATOR) as browser:
        shown = (await browser.get("/logiciels")).text
        assert "Carnet de tension" in shown
        page = await browser.get(f"/logiciels/{made['client_id']}")
        assert "Lire" in page.text
        send = {"csrf": token_in(page.text)}
        unsaid = await browser.post(f"/logiciels/{made['client_id']}", data=send | {"decision": "refused"})
        assert (unsaid.status_code, "Dites pourquoi" in unsaid.text) == (422, True)
        assert (await browser.post(f"/logiciels/{made['client_id']}", data=send | {"decision": "deleted"})).status_code == 422
        approved = await browser.post(f"/logiciels/{made['client_id']}", data=send | {"decision": "approved"})
        assert approved.headers["location"] == "/logiciels?etat=approved&fait=approved"
        again = await browser.post(f"/logiciels/{made['client_id']}", data=send | {"decision": "refused", "motif": "non"})
        assert again.status_code == 409
    async with asking(app) as program:
        told = await program.post("/oauth/token", data=form, auth=(made["client_id"], made["client_secret"]))
        assert told.json()["error"] == "invalid_grant", "who it is counts now"


async def test_deciding_asks_who_it_is_once_more(access: Access, clock: FixedClock, app: Starlette) -> None:
    made = await registered(access, metadata(), approved=False)
    async with await browsing(app, access, OPERATOR) as browser:
        csrf = token_in((await browser.get(f"/logiciels/{made.id}")).text)
        clock.advance(timedelta(minutes=16))
        assert (await browser.get("/logiciels")).headers["location"].startswith("/preuve")
        clock.advance(timedelta(minutes=13))
        sent = await browser.post(f"/logiciels/{made.id}", data={"csrf": csrf, "decision": "approved"})
        assert sent.status_code == 303
        assert sent.headers["location"].startswith("/logiciels?")


async def test_only_an_operator_decides_and_only_an_editor_sees_their_own(access: Access, app: Starlette) -> None:
    made = await registered(access, metadata(), by=EDITOR.id, approved=False)
    others = [officer_of(role) for role in (Role.ADMINISTRATOR, Role.OFFICER, Role.STEWARD, Role.ARS)]
    for actor in [*others, professional("gp", Role.GP), EDITOR]:
        async with await browsing(app, access, actor) as browser:
            assert (await browser.get("/logiciels")).status_code == 403
            assert (await browser.get(f"/logiciels/{made.id}")).status_code == 403
            assert (await browser.post(f"/logiciels/{made.id}", data={"decision": "approved"})).status_code == 403
            if actor is not EDITOR:
                assert (await browser.get("/developpeurs")).status_code == 403
    async with await browsing(app, access, RIVAL) as browser:
        assert (await browser.get(f"/developpeurs/{made.id}")).status_code == 404
        csrf = token_in((await browser.get("/developpeurs/nouveau")).text)
        assert (await browser.post(f"/developpeurs/{made.id}/secret", data={"csrf": csrf})).status_code == 404


async def test_an_editor_describes_a_software_and_sees_its_calls_and_no_health_data(access: Access, app: Starlette) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "p", "name": [{"family": "SECRETE"}]})
    alone = FORM | {"sorte": "seul", "droits": "system/Patient.rs", "cles": json.dumps(jwks(RSA)["keys"][0]), "retours": ""}
    async with await browsing(app, access, EDITOR) as browser, asking(app) as program:
        csrf = token_in((await browser.get("/developpeurs/nouveau")).text)
        wrong = await browser.post("/developpeurs/nouveau", data=FORM | {"csrf": csrf, "retours": "http://evil.example/"})
        assert (wrong.status_code, "Adresse de retour refusée" in wrong.text, "Carnet" in wrong.text) == (422, True, True)
        kept = await browser.post("/developpeurs/nouveau", data=FORM | {"csrf": csrf})
        assert (kept.status_code, "affiché que cette fois" in kept.text) == (200, True)
        made = (await browser.post("/developpeurs/nouveau", data=alone | {"csrf": csrf})).headers["location"]
        id = made.rpartition("/")[2]
        assert "À examiner" in (await browser.get(made)).text
        async with await browsing(app, access, OPERATOR) as operator:
            sent = {
                "csrf": token_in((await operator.get(f"/logiciels/{id}")).text),
                "decision": "approved",
                "motif": "Contrat signé",
            }
            await operator.post(f"/logiciels/{id}", data=sent)
        token = (await program.post("/oauth/token", data=signed(assertion(id, access)))).json()["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        assert (await program.get("/fhir/Patient?family=secrete", headers=headers)).status_code == 200
        assert (await program.get("/fhir/Patient/p", headers=headers)).status_code == 200
        assert (await program.get("/fhir/Patient/nobody", headers=headers)).status_code == 404
        await program.post("/oauth/token", data=signed("x.y.z"))
        await program.post("/oauth/token", data=signed(assertion(id, access, aud="wrong")))
        shown = (await browser.get(made)).text
        for words in ("Contrat signé", "En service", "Jeton demandé", "Recherche Patient", "Lecture Patient", "Refusé"):
            assert words in shown, words
        assert "SECRETE" not in shown.upper().replace("SECRET DE", "")
        assert "Patient/p" not in shown


async def test_an_editor_sees_no_record_no_directory_no_page_of_others(access: Access, app: Starlette) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "d", "name": [{"family": "MEDECIN"}]})
        await ctx.records.write({"resourceType": "Patient", "id": "p", "name": [{"family": "ESSAI"}]})
    async with await browsing(app, access, EDITOR) as browser:
        for path in (
            "/fhir/Patient",
            "/fhir/Patient/p",
            "/fhir/Practitioner",
            "/fhir/Practitioner/d",
            "/fhir/AuditEvent",
            "/annuaire",
            "/patients/p/applications",
        ):
            assert (await browser.get(path)).status_code == 403, path
        assert (await browser.get("/mes-applications")).status_code == 403


async def test_a_secret_is_changed_and_the_one_before_counts_no_more(access: Access, app: Starlette) -> None:
    said = application_of_people(token_endpoint_auth_method="client_secret_basic")
    made = await registered(access, said, by=EDITOR.id)
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    async with await browsing(app, access, EDITOR) as browser, asking(app) as program:
        csrf = token_in((await browser.get(f"/developpeurs/{made.id}")).text)
        shown = (await browser.post(f"/developpeurs/{made.id}/secret", data={"csrf": csrf})).text
        secret = shown.rpartition('<code class="text-break">')[2].partition("<")[0]
        assert (await program.post("/oauth/token", data=form, auth=(made.id, made.secret or ""))).status_code == 401
        assert (await program.post("/oauth/token", data=form, auth=(made.id, secret))).json()["error"] == "invalid_grant"


async def test_a_sandbox_takes_at_once_what_editors_describe(access: Access, application: Any) -> None:
    app = application(operations, pages, settings={"software_sandbox": True})
    async with await browsing(app, access, EDITOR) as browser, asking(app) as program:
        csrf = token_in((await browser.get("/developpeurs/nouveau")).text)
        alone = FORM | {"sorte": "seul", "droits": "system/Patient.rs", "cles": json.dumps(jwks(RSA)), "csrf": csrf}
        id = (await browser.post("/developpeurs/nouveau", data=alone)).headers["location"].rpartition("/")[2]
        assert (await program.post("/oauth/token", data=signed(assertion(id, access)))).status_code == 200
        waiting = (await program.post("/oauth/register", json=metadata())).json()
        assert waiting["registration_state"] == "waiting", "whom nobody knows waits, there too"


async def test_what_is_offered_is_said_where_clients_look(app: Starlette, application: Any) -> None:
    async with asking(app) as program:
        said = (await program.get("/fhir/.well-known/smart-configuration")).json()
        assert said["code_challenge_methods_supported"] == ["S256"]
        assert {"launch-ehr", "launch-standalone", "permission-v2"} <= set(said["capabilities"])
        assert "sso-openid-connect" not in said["capabilities"]
        assert (await program.get("/.well-known/openid-configuration")).status_code == 404
        for name, address in said.items():
            if name.endswith("_endpoint") and name not in ("authorization_endpoint", "management_endpoint"):
                answer: httpx.Response = await program.post(address)
                assert answer.status_code in (400, 401), name
                assert "error" in answer.json()
