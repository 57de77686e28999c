"""The pages of accounts: invited, a link, in and out; who tries to get in; what follows an invitation; passkeys in a real browser."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pyotp
import pytest
from playwright.async_api import Browser, expect
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.sessions import Device, Situation, acting
from maillage.clock import FixedClock, SystemClock
from maillage.connectors.listening import free_port, served
from maillage.connectors.mail import Mailer
from maillage.connectors.mail.emulator import Mailbox, smtp_door
from maillage.db import Database
from maillage.http.addresses import address_of, neighbourhood_of
from maillage.http.request import Request
from maillage.jobs import Job, JobRunner, Outside
from maillage.services.accounts import jobs, pages
from maillage.services.accounts.rules import attempts
from maillage.services.accounts.service import accounts, factors
from maillage.services.accounts.service.accounts import ENROLLING, Invited
from maillage.ui import pages as own
from tests.support.authenticator import Authenticator
from tests.support.browser import HERE, screen
from tests.support.people import SEED, officer_of, professional

OPERATOR = officer_of(Role.OPERATOR)
KEYS = {"account_keys": base64.b64encode(b"k" * 32).decode()}
PASSWORD = "girafe lavande tournevis"
FINESS = "510000004"
INVITATION = {"prenom": "Théo", "nom": "Gabarit", "email": "theo@exemple.fr", "role": "social-worker", "structure": FINESS}
THEO = Invited(email="theo@exemple.fr", given="Théo", family="Gabarit", role="social-worker", organization="Organization/dep")


@pytest.fixture
async def house(access: Access) -> None:
    identifier = [{"system": "https://finess.esante.gouv.fr", "value": FINESS}]
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Organization", "id": "dep", "name": "Département des Essais", "identifier": identifier}
        )


async def link_of(access: Access, whom: Invited = THEO) -> str:
    async with access.act(OPERATOR) as ctx:
        account = await accounts.invite(ctx, whom)
    async with access.act(ENROLLING) as ctx:
        await accounts.enrol(ctx, account)
        return await accounts.new_link(ctx, account)


def browsing(app: Starlette, headers: Any = ()) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, headers=[("accept", "text/html"), *headers])


def token(text: str) -> str:
    return re.findall(r'name="csrf" value="(\w+)"', text)[-1]


async def set_password(
    visitor: httpx.AsyncClient, link: str, clock: FixedClock, password: str = PASSWORD
) -> tuple[pyotp.TOTP, httpx.Response]:
    shown = (await visitor.get("/compte/lien", params={"lien": link, "autre": "1"})).text
    totp = pyotp.TOTP(re.findall(r"<code>([A-Z2-7 ]+)</code>", shown)[0].replace(" ", ""))
    sent = {"csrf": token(shown), "lien": link, "mot-de-passe": password, "code": totp.at(clock.now())}
    return totp, await visitor.post("/compte/lien/mot-de-passe", data=sent)


async def test_by_a_link_somebody_sets_a_password_and_a_code_and_is_in(
    house: None, access: Access, clock: FixedClock, application: Any
) -> None:
    app, link = application(pages, settings=KEYS), await link_of(access)
    async with browsing(app) as visitor:
        totp, answer = await set_password(visitor, link, clock)
        recovery = re.findall(r"<code>([a-z2-7-]{19})</code>", answer.text)
        assert (answer.status_code, len(recovery)) == (200, 10)
        assert "Théo GABARIT" in (await visitor.get("/mon-compte")).text
        assert (await visitor.get("/compte/lien", params={"lien": link})).status_code == 410
        await visitor.post("/deconnexion", data={"csrf": token((await visitor.get("/mon-compte")).text)})
    clock.advance(timedelta(seconds=30))
    async with browsing(app) as visitor:
        door = (await visitor.get("/compte/connexion?suite=/mon-compte")).text
        sent = {"csrf": token(door), "suite": "/mon-compte", "email": "Theo@Exemple.fr ", "mot-de-passe": PASSWORD}
        refused = await visitor.post("/compte/connexion", data={**sent, "code": "000000"})
        assert (refused.status_code, "Vous n’êtes pas connecté" in refused.text) == (401, True)
        entered = await visitor.post("/compte/connexion", data={**sent, "code": totp.at(clock.now())})
        assert (entered.status_code, entered.headers["location"]) == (303, "/mon-compte")
        more = await visitor.post("/mon-compte/codes", data={"csrf": token((await visitor.get("/mon-compte")).text)})
        assert recovery[0] not in more.text


async def test_who_is_signed_in_takes_a_link_too(
    house: None, access: Access, clock: FixedClock, application: Any, signed_in: Any
) -> None:
    """On a shared computer somebody else's session may still be open: the link's holder is in instead."""
    app, link = application(pages, settings=KEYS), await link_of(access)
    [(_, cookie)] = await signed_in(OPERATOR)
    name, _, session = cookie.partition("=")
    async with browsing(app) as visitor:
        visitor.cookies.set(name, session)
        _, answer = await set_password(visitor, link, clock)
    assert (answer.status_code, "codes de secours" in answer.text.lower()) == (200, True)


DOORS = (
    "/compte/connexion",
    "/compte/cle",
    "/compte/cle/defi",
    "/compte/lien/cle",
    "/compte/lien/defi",
    "/compte/lien/mot-de-passe",
)


async def test_a_form_of_another_browser_or_site_is_refused(house: None, access: Access, application: Any) -> None:
    app, link = application(pages, settings=KEYS), await link_of(access)
    async with browsing(app) as visitor, browsing(app) as other:
        csrf = token((await visitor.get("/compte/connexion")).text)
        await other.get("/compte/connexion")
        for path in DOORS:
            sent = {"csrf": csrf, "lien": link}
            assert (await other.post(path, data=sent)).status_code == 403, path
            assert (await visitor.post(path, data={"lien": link})).status_code == 403, path
            assert (await visitor.post(path, data=sent, headers={"origin": "https://evil.example"})).status_code == 403, path
            assert (await visitor.post(path, data=sent, headers={"sec-fetch-site": "same-site"})).status_code == 403, path


async def test_a_password_and_a_code_open_no_guarded_role(
    house: None, access: Access, clock: FixedClock, application: Any
) -> None:
    app = application(pages, settings=KEYS)
    both = await link_of(access, replace(THEO, administers=True))
    alone = await link_of(access, replace(THEO, email="admin@exemple.fr", role="administrator"))
    async with browsing(app) as visitor:
        assert "mot de passe et code" not in (await visitor.get("/compte/lien", params={"lien": alone, "autre": "1"})).text
        csrf = token((await visitor.get("/compte/connexion")).text)
        sent = {"csrf": csrf, "lien": alone, "mot-de-passe": PASSWORD, "code": "000000"}
        assert (await visitor.post("/compte/lien/mot-de-passe", data=sent)).status_code == 403
        await set_password(visitor, both, clock)
        assert (await visitor.get("/mon-compte")).status_code == 200
        assert (await visitor.get("/comptes")).status_code == 403, "a social worker, but no administrator without a passkey"


async def test_the_operator_invites_and_closes(house: None, application: Any, signed_in: Any) -> None:
    app = application(pages, settings=KEYS)
    async with browsing(app, await signed_in(OPERATOR)) as operator:
        csrf = {"csrf": token((await operator.get("/comptes/inviter")).text)}
        structures = ("12", "999999999", "")
        for fault in ({"email": "x"}, {"prenom": ""}, {"role": "gp"}, *({"structure": one} for one in structures)):
            answer = await operator.post("/comptes/inviter", data={**INVITATION, **csrf, **fault})
            assert (answer.status_code, "à corriger" in answer.text) == (422, True), fault
        done = await operator.post("/comptes/inviter", data={**INVITATION, **csrf})
        assert done.headers["location"] == "/comptes?fait=invite"
        assert "déjà un compte" in (await operator.post("/comptes/inviter", data={**INVITATION, **csrf})).text
        listed = (await operator.get("/comptes?fait=invite")).text
        assert "Théo GABARIT" in listed
        assert "Département des Essais" in listed
        (account,) = set(re.findall(r'action="/comptes/([0-9a-f-]{36})/fermer"', listed))
        assert (await operator.post(f"/comptes/{account}/lien", data=csrf)).headers["location"] == "/comptes?fait=lien"
        assert (await operator.post(f"/comptes/{account}/fermer", data=csrf)).headers["location"] == "/comptes?fait=ferme"
        assert "Fermé" in (await operator.get("/comptes")).text
        for nobody in ("x", str(UUID(int=1))):
            assert (await operator.post(f"/comptes/{nobody}/fermer", data=csrf)).status_code == 404


async def test_others_have_no_such_pages(application: Any, signed_in: Any) -> None:
    app = application(pages, settings=KEYS)
    async with browsing(app, await signed_in(officer_of(Role.STEWARD))) as steward:
        for path in ("/comptes", "/comptes/inviter", "/sessions"):
            assert (await steward.get(path)).status_code == 403
        assert (await steward.get("/mon-compte")).status_code == 404, "no account of ours opened this session"
    async with browsing(app) as nobody:
        for path in ("/comptes", "/mon-compte"):
            assert (await nobody.get(path)).status_code == 303


async def test_an_invitation_is_mailed_once_the_directory_has_the_person(
    house: None, access: Access, database: Database, tmp_path: Path
) -> None:
    async with access.act(OPERATOR) as ctx:
        account = await accounts.invite(ctx, THEO)
    mailbox = Mailbox(SystemClock())
    async with smtp_door(mailbox, host="127.0.0.1", port=0) as address:
        mail = Mailer(address=address, sender="maillage@maillage.example", clock=SystemClock())
        runner = JobRunner(
            database=database, access=access, clock=SystemClock(), outside=Outside(mail=mail, base_url="https://exemple.fr/", anchor=tmp_path, erasures=tmp_path),
            reactions=[jobs.welcome, jobs.tell_the_directory], tasks=[jobs.mail_the_link],
        )  # fmt: skip
        life = asyncio.create_task(runner.run())
        async with asyncio.timeout(20):
            while not mailbox.letters():
                assert not life.done(), life.result()
                await asyncio.sleep(0.02)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
    (letter,) = mailbox.letters()
    assert letter.recipients == ("theo@exemple.fr",)
    secret = re.findall(r"https://exemple.fr/compte/lien\?lien=(\S+)", letter.text)[0]
    async with access.act(ENROLLING) as ctx:
        found = await factors.account_of_link(ctx, secret)
    assert (found.id, found.reference is not None) == (account, True)


async def test_what_is_grave_asks_who_it_is_again(house: None, access: Access, clock: FixedClock, application: Any) -> None:
    app, link = application(pages, settings=KEYS), await link_of(access)
    async with browsing(app) as visitor:
        totp, _ = await set_password(visitor, link, clock)
        csrf = {"csrf": token((await visitor.get("/mon-compte")).text)}
        clock.advance(timedelta(minutes=16))
        assert (await visitor.get("/mon-compte")).headers["location"] == "/preuve?suite=%2Fmon-compte"
        begun = await visitor.post("/mon-compte/codes", data=csrf)
        assert begun.status_code == 200, "a form that was open takes its time"
        clock.advance(timedelta(minutes=20))
        await visitor.get("/mes-appareils")
        late = await visitor.post("/mon-compte/codes", data=csrf, headers={"referer": f"{HERE}/mon-compte"})
        assert late.headers["location"] == "/preuve?suite=%2Fmon-compte"
        asked = (await visitor.get("/preuve?suite=/mon-compte")).text
        sent = {"csrf": token(asked), "suite": "/mon-compte", "mot-de-passe": PASSWORD, "code": "000000"}
        assert (await visitor.post("/preuve/code", data=sent)).status_code == 401
        proven = await visitor.post("/preuve/code", data={**sent, "code": totp.at(clock.now())})
        assert (proven.status_code, proven.headers["location"]) == (303, "/mon-compte")
        assert (await visitor.get("/mon-compte")).status_code == 200


async def test_who_knows_their_password_changes_it(house: None, access: Access, clock: FixedClock, application: Any) -> None:
    app, link, other = application(pages, settings=KEYS), await link_of(access), "hibou parapluie cerise"

    async def sign_in(visitor: httpx.AsyncClient, password: str, code: str) -> int:
        csrf = token((await visitor.get("/compte/connexion")).text)
        sent = {"csrf": csrf, "email": THEO.email, "mot-de-passe": password, "code": code}
        return (await visitor.post("/compte/connexion", data=sent)).status_code

    async with browsing(app) as visitor, browsing(app) as elsewhere, browsing(app) as later:
        totp, _ = await set_password(visitor, link, clock)
        clock.advance(timedelta(seconds=30))
        assert await sign_in(elsewhere, PASSWORD, totp.at(clock.now())) == 303
        csrf = {"csrf": token((await visitor.get("/mon-compte")).text)}
        for current, new, told in (
            ("", other, "actuel-erreur"),
            ("girafe lavande tourneviS", other, "actuel-erreur"),
            (PASSWORD, "court", "nouveau-erreur"),
            (PASSWORD, "theo gabarit theo", "nouveau-erreur"),
        ):
            refused = await visitor.post("/mon-compte/mot-de-passe", data={**csrf, "actuel": current, "nouveau": new})
            assert (refused.status_code, told in refused.text) == (422, True), (current, new)
        assert (await elsewhere.get("/mon-compte")).status_code == 200, "nothing has changed yet"
        changed = await visitor.post("/mon-compte/mot-de-passe", data={**csrf, "actuel": PASSWORD, "nouveau": other})
        assert changed.headers["location"] == "/mon-compte?fait=mot-de-passe"
        assert (await visitor.get("/mon-compte")).status_code == 200
        assert (await elsewhere.get("/mon-compte")).headers["location"].startswith("/connexion")
        clock.advance(timedelta(minutes=16))
        assert await sign_in(later, PASSWORD, totp.at(clock.now())) == 401
        clock.advance(timedelta(seconds=30))
        assert await sign_in(later, other, totp.at(clock.now())) == 303


async def test_a_new_password_leaves_the_second_factor_and_asks_for_it(
    house: None, access: Access, clock: FixedClock, database: Database, application: Any, signed_in: Any
) -> None:
    app, link, fresh = application(pages, settings=KEYS), await link_of(access), "hibou parapluie cerise"
    async with browsing(app, await signed_in(OPERATOR)) as operator, browsing(app) as theo, browsing(app) as elsewhere:
        totp, _ = await set_password(theo, link, clock)
        listed = (await operator.get("/comptes")).text
        (account,) = set(re.findall(r"/comptes/([0-9a-f-]{36})/lien", listed))
        asked = await operator.get(f"/comptes/{account}/lien")
        csrf, checked = {"csrf": token(asked.text)}, "venue au bureau, carte d’identité vue"
        for wrong, place in (
            ({}, "quoi"),
            ({"quoi": "tout"}, "verification"),
            ({"quoi": "x", "verification": checked}, "quoi"),
            ({"quoi": "mot-de-passe", "verification": "oui"}, "verification"),
        ):
            refused = await operator.post(f"/comptes/{account}/lien", data={**csrf, **wrong})
            assert (refused.status_code, f'href="#{place}"' in refused.text) == (422, True), wrong
        sent = await operator.post(f"/comptes/{account}/lien", data={**csrf, "quoi": "mot-de-passe", "verification": checked})
        assert sent.headers["location"] == "/comptes?fait=lien-seul"
        async with database.transaction() as conn:
            rows = await (await conn.execute("select query from audit where type = 'account' and query is not null")).fetchall()
        assert [checked in row["query"] for row in rows] == [True], "who sent it, and how they checked, is in the trail"
        async with access.act(ENROLLING) as ctx:
            reset = await accounts.new_link(ctx, UUID(account), keeps=True)
        shown = (await elsewhere.get("/compte/lien", params={"lien": reset, "autre": "1"})).text
        assert ("Nouveau mot de passe" in shown, "<svg" in shown.partition("<main")[2]) == (True, False)
        clock.advance(timedelta(seconds=30))
        form = {"csrf": token(shown), "lien": reset, "mot-de-passe": fresh}
        for code in ("000000", "", pyotp.TOTP("A" * 32).at(clock.now())):
            assert (await elsewhere.post("/compte/lien/mot-de-passe", data={**form, "code": code})).status_code == 422, code
        key = await elsewhere.post("/compte/lien/cle", data={"csrf": form["csrf"], "lien": reset, "reponse": "{}"})
        assert key.status_code in (410, 422), "no passkey by such a link"
        assert (await theo.get("/mon-compte")).status_code == 200, "nothing has changed yet"
        done = await elsewhere.post("/compte/lien/mot-de-passe", data={**form, "code": totp.at(clock.now())})
        assert done.headers["location"] == "/compte/connexion"
        assert (await theo.get("/mon-compte")).status_code == 303, "whoever was in is out"
        again = await elsewhere.post("/compte/lien/mot-de-passe", data={**form, "code": totp.at(clock.now())})
        assert again.status_code == 410, "once"
        clock.advance(timedelta(seconds=30))
        for password, status in ((PASSWORD, 401), (fresh, 303)):
            csrf = {"csrf": token((await elsewhere.get("/compte/connexion")).text)}
            answer = await elsewhere.post(
                "/compte/connexion", data={**csrf, "email": THEO.email, "mot-de-passe": password, "code": totp.at(clock.now())}
            )
            assert answer.status_code == status, password


async def test_codes_cannot_all_be_tried_behind_somebodys_mail(
    house: None, access: Access, clock: FixedClock, application: Any
) -> None:
    app, link = application(pages, settings=KEYS), await link_of(access)
    async with browsing(app) as first, browsing(app) as theo:
        totp, _ = await set_password(first, link, clock)
        async with access.act(ENROLLING) as ctx:
            found = await accounts.account_by_email(ctx, THEO.email)
            assert found is not None
            reset = await accounts.new_link(ctx, found.id, keeps=True)
        clock.advance(timedelta(seconds=30))
        form = {
            "csrf": token((await theo.get("/compte/lien", params={"lien": reset})).text),
            "lien": reset,
            "mot-de-passe": "hibou parapluie cerise",
        }
        for _ in range(6):
            assert (await theo.post("/compte/lien/mot-de-passe", data={**form, "code": "000000"})).status_code == 422
        right = await theo.post("/compte/lien/mot-de-passe", data={**form, "code": totp.at(clock.now())})
        assert (right.status_code, "Trop d’essais" in right.text) == (422, True)
        clock.advance(timedelta(hours=1, seconds=1))
        assert (await theo.post("/compte/lien/mot-de-passe", data={**form, "code": totp.at(clock.now())})).status_code == 303


async def test_a_password_that_others_lost_is_set_by_no_page(
    house: None, access: Access, clock: FixedClock, application: Any, tmp_path: Path
) -> None:
    lost = "hibou parapluie cerise"
    file = tmp_path / "breached.txt"
    file.write_text("\r\n".join(sorted(sha1(one.encode()).hexdigest().upper() + ":3" for one in (lost, "x", "y"))))
    app, link = application(pages, settings={**KEYS, "breached_passwords": str(file)}), await link_of(access)
    async with browsing(app) as visitor:
        for known in (lost, "justinbieber"):
            _, refused = await set_password(visitor, link, clock, known)
            assert (refused.status_code, "a été volé" in refused.text) == (422, True), known
        _, answer = await set_password(visitor, link, clock)
        assert answer.status_code in (200, 303)
        csrf = {"csrf": token((await visitor.get("/mon-compte")).text)}
        refused = await visitor.post("/mon-compte/mot-de-passe", data={**csrf, "actuel": PASSWORD, "nouveau": lost})
        assert (refused.status_code, "a été volé" in refused.text) == (422, True)
        taken = await visitor.post("/mon-compte/mot-de-passe", data={**csrf, "actuel": PASSWORD, "nouveau": f"{lost} lavande"})
        assert taken.status_code == 303


async def test_an_open_session_is_no_place_to_guess_the_password(
    house: None, access: Access, clock: FixedClock, application: Any
) -> None:
    app, link = application(pages, settings=KEYS), await link_of(access)
    async with browsing(app) as visitor:
        await set_password(visitor, link, clock)
        csrf = {"csrf": token((await visitor.get("/mon-compte")).text), "nouveau": "hibou parapluie cerise"}
        for _ in range(attempts.MOST.pair):
            assert (await visitor.post("/mon-compte/mot-de-passe", data={**csrf, "actuel": "deviner encore"})).status_code == 422
        assert (await visitor.post("/mon-compte/mot-de-passe", data={**csrf, "actuel": PASSWORD})).status_code == 422


async def test_the_proof_of_somebody_else_is_none(house: None, access: Access, clock: FixedClock, application: Any) -> None:
    app = application(pages, settings={**KEYS, "base_url": "http://localhost"})
    keys = {}
    for email in ("theo@exemple.fr", "lea@exemple.fr"):
        keys[email] = Authenticator("http://localhost")
        async with browsing(app) as visitor:
            link = await link_of(access, replace(THEO, email=email))
            csrf = {"csrf": token((await visitor.get("/compte/lien", params={"lien": link})).text), "lien": link}
            made = keys[email].make((await visitor.post("/compte/lien/defi", data=csrf)).text)
            assert (await visitor.post("/compte/lien/cle", data={**csrf, "reponse": made})).status_code == 303
            if email == "lea@exemple.fr":
                clock.advance(timedelta(minutes=16))
                csrf = {"csrf": token((await visitor.get("/preuve?suite=/mon-compte")).text), "suite": "/mon-compte"}
                for whose, status in (("theo@exemple.fr", 401), ("lea@exemple.fr", 303)):
                    answer = keys[whose].sign((await visitor.post("/preuve/defi", data=csrf)).text)
                    assert (await visitor.post("/preuve/cle", data={**csrf, "reponse": answer})).status_code == status
                assert (await visitor.get("/mon-compte")).status_code == 200


async def test_people_close_their_sessions(house: None, access: Access, application: Any) -> None:
    app = application(pages, own)
    doctor = professional("doctor", Role.GP)

    async def sign_in(agent: str) -> tuple[tuple[str, str], ...]:
        device = Device(agent=agent, address="192.0.2.1", secret=agent.ljust(43, "x")[:43])
        return (("cookie", f"maillage={await access.enter(doctor, device, hint='psc token')}"),)

    phone, desk = await sign_in("Mozilla (iPhone) Safari"), await sign_in("Mozilla (Windows NT 10.0) Firefox/140.0")
    async with browsing(app, desk) as here, browsing(app, phone) as there:
        shown = (await here.get("/mes-appareils")).text
        assert "Firefox sur Windows" in shown
        assert "Safari sur iPhone" in shown
        (other,) = re.findall(r'name="session" value="([0-9a-f-]{36})"', shown)
        csrf = {"csrf": token(shown)}
        for nobodys in ("x", str(UUID(int=1))):
            assert (await here.post("/mes-appareils/fermer", data={**csrf, "session": nobodys})).status_code == 404
        assert (await there.get("/mes-appareils")).status_code == 200
        await here.post("/mes-appareils/fermer", data={**csrf, "session": other})
        assert (await there.get("/mes-appareils")).status_code == 303
        async with browsing(app, await sign_in("third")) as third:
            assert (await here.post("/mes-appareils/fermer-autres", data=csrf)).status_code == 303
            assert (await third.get("/mes-appareils")).headers["location"].startswith("/connexion")
        assert (await here.get("/mes-appareils")).status_code == 200
        out = await here.post("/mes-appareils/fermer-tout", data=csrf)
        assert out.headers["location"] == "/connexion"
        assert (await here.get("/mes-appareils")).headers["location"].startswith("/connexion")


async def test_an_operator_ends_the_sessions_of_others(house: None, access: Access, application: Any, database: Database) -> None:
    app = application(pages, own)
    identifier = [{"system": "https://rpps.esante.gouv.fr", "value": "10001234567"}]
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "doctor", "identifier": identifier})
    doctor = replace(professional("doctor", Role.GP), id="Practitioner/doctor")

    async def cookie(actor: Actor) -> tuple[tuple[str, str], ...]:
        return (("cookie", f"maillage={await access.enter(actor, Device(agent='', address='', secret='d' * 43), hint='psc')}"),)

    async def is_open(client: httpx.AsyncClient) -> bool:
        return (await client.get("/mes-appareils")).status_code == 200

    async with (
        browsing(app, await cookie(OPERATOR)) as operator, browsing(app, await cookie(doctor)) as here, browsing(app, await cookie(doctor)) as there,
        browsing(app, await cookie(professional("other", Role.GP))) as other,
    ):  # fmt: skip
        shown = (await operator.get("/sessions")).text
        assert "4\u00a0sessions ouvertes" in shown or "4 sessions ouvertes" in shown
        csrf = {"csrf": token(shown)}
        assert (await other.get("/sessions")).status_code == 403
        for nobody in ("", "10009999999", "nobody@exemple.fr", "Practitioner/", "' or 1=1"):
            refused = await operator.post("/sessions/fermer", data={**csrf, "qui": nobody})
            assert (refused.status_code, "Personne n’a ce numéro" in refused.text) == (422, True), nobody
        assert await is_open(here)
        done = await operator.post("/sessions/fermer", data={**csrf, "qui": "10 001 234 567"})
        assert done.headers["location"] == "/sessions?fait=ferme&nombre=2"
        assert [await is_open(one) for one in (here, there, other, operator)] == [False, False, True, True]
        assert (await operator.post("/sessions/fermer-toutes", data=csrf)).status_code == 422
        assert await is_open(other)
        done = await operator.post("/sessions/fermer-toutes", data={**csrf, "oui": "1"})
        assert done.headers["location"] == "/sessions?fait=toutes&nombre=1"
        assert [await is_open(one) for one in (other, operator)] == [False, True]
    async with database.transaction() as conn:
        rows = await (await conn.execute("select id from audit where type = 'sign-out' order by at")).fetchall()
    assert [row["id"] for row in rows] == ["of Practitioner/doctor", "of everybody"]


async def test_a_new_device_is_written_about(house: None, access: Access, tmp_path: Path) -> None:
    telecom = [{"system": "email", "value": "dr@exemple.fr"}]
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "doctor", "telecom": telecom})
    doctor = professional("doctor", Role.GP)
    mailbox = Mailbox(SystemClock())
    async with smtp_door(mailbox, host="127.0.0.1", port=0) as address:
        mail = Mailer(address=address, sender="maillage@maillage.example", clock=SystemClock())
        cookie = await access.enter(doctor, Device(agent="Firefox Windows", address="192.0.2.1", secret="s"), hint="psc x")
        session = (await access.session(cookie)).id
        job = Job(
            name="tests",
            key="1",
            outside=Outside(mail=mail, base_url="https://exemple.fr", anchor=tmp_path, erasures=tmp_path),
            access=access,
        )
        await jobs.mail_of_a_new_device(job, actor=doctor.id, reference="Practitioner/doctor", session=str(session))
        await jobs.mail_of_a_new_device(job, actor="nobody", reference="Practitioner/none", session=str(session))
        await jobs.mail_of_a_new_device(job, actor="nobody", reference="", session=str(UUID(int=1)))
    (letter,) = mailbox.letters()
    assert letter.recipients == ("dr@exemple.fr",)
    assert "Firefox sur Windows" in letter.text
    assert "https://exemple.fr/mes-appareils" in letter.text
    assert "192.0.2.1" not in letter.text


def test_an_address_is_believed_from_a_proxy_only(application: Any) -> None:
    app = application(pages, settings={"proxies": "10.0.0.1, 10.0.0.2"})
    for peer, said, expected in (
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
    ):
        headers = [(b"x-forwarded-for", said.encode())]
        scope = {"type": "http", "app": app, "client": (peer, 1), "headers": headers, "method": "GET", "path": "/"}
        assert address_of(Request(scope)) == expected, (peer, said)


def test_addresses_of_one_household_are_counted_as_one() -> None:
    assert neighbourhood_of("2001:db8::1") == neighbourhood_of("2001:db8::2") != neighbourhood_of("2001:db8:0:1::1")
    assert neighbourhood_of("::ffff:192.0.2.1") == neighbourhood_of("192.0.2.1") == "192.0.2.1"
    assert neighbourhood_of("unknown") == "unknown"


# --- in a browser


@pytest.fixture
async def web(application: Any) -> AsyncIterator[str]:
    """The pages over a socket, under a name that browsers make passkeys for."""
    port = free_port("127.0.0.1")
    address = f"http://localhost:{port}"
    async with served(application(pages, own, settings={**KEYS, "base_url": address}), host="127.0.0.1", port=port):
        yield address


@pytest.mark.browser
async def test_a_passkey_is_made_used_and_shown(house: None, access: Access, browser: Browser, web: str) -> None:
    link = await link_of(access, replace(THEO, administers=True))
    window = await screen(browser)
    page = await window.with_authenticator()
    await page.goto(f"{web}/compte/lien?lien={link}")
    await window.check("compte-lien")
    await page.get_by_role("button", name="Créer ma clé d’accès").click()
    await page.wait_for_url(lambda address: "/compte/lien" not in address)
    await page.goto(f"{web}/mon-compte")
    await expect(page.get_by_text("Théo GABARIT, theo@exemple.fr")).to_be_visible()
    await window.check("mon-compte")
    await page.goto(f"{web}/comptes")
    await expect(page.get_by_role("heading", name="Comptes", exact=True)).to_be_visible()
    await page.locator("summary", has_text="Mon compte").click()
    await page.get_by_role("button", name="Se déconnecter").click()
    await page.wait_for_url(f"{web}/connexion")
    await page.goto(f"{web}/compte/connexion?suite=/mon-compte")
    await window.check("compte-connexion")
    await page.get_by_role("button", name="Utiliser ma clé d’accès").click()
    await page.wait_for_url(f"{web}/mon-compte")
    await expect(page.get_by_text("utilisée")).to_be_visible()


@pytest.mark.browser
async def test_the_pages_of_devices_and_of_a_proof_are_accessible(
    access: Access, clock: FixedClock, browser: Browser, application: Any, signed_in: Any
) -> None:
    doctor = professional("doctor", Role.GP)
    device = Device(agent="Mozilla (Windows NT 10.0) Firefox/140.0", address="192.0.2.1", secret="s")
    await access.enter(doctor, device, hint="psc token")
    cookie = await access.enter(doctor, device, hint="psc token")
    window = await screen(browser, application(pages, own), headers=(("cookie", f"maillage={cookie}"),))
    page = await window.open("/mes-appareils")
    await window.check("mes-appareils")
    await page.locator("summary", has_text="Mon compte").click()
    await expect(page.get_by_role("link", name="Mes appareils")).to_be_visible()
    page = await window.open("/preuve?suite=/mes-appareils")
    await expect(page.get_by_role("link", name="M’identifier de nouveau")).to_be_visible()
    await window.check("preuve")


@pytest.mark.browser
async def test_a_place_is_chosen_and_shown_and_a_refusal_is_said(access: Access, browser: Browser, application: Any) -> None:
    places = [
        Situation(
            reference="PractitionerRole/town", organization="Organization/msp", name="Maison de santé des Essais", role=Role.GP
        ),
        Situation(reference="PractitionerRole/ward", organization="Organization/ch", name="CH de Démoville", role=Role.HOSPITAL),
    ]
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Practitioner", "id": "doctor"},
            {"resourceType": "Organization", "id": "ch", "name": "CH de Démoville"},
            {
                "resourceType": "PractitionerRole", "id": "ward", "active": True,
                "practitioner": {"reference": "Practitioner/doctor"}, "organization": {"reference": "Organization/ch"},
            },
        )  # fmt: skip
    device = Device(agent="Firefox", address="192.0.2.1", secret="s")
    cookie = await access.enter(acting(professional("doctor", Role.GP), places[0]), device, hint="psc x", situations=places)
    window = await screen(browser, application(pages, own))
    await window.context.add_cookies([{"name": "maillage", "value": cookie, "url": HERE}])
    page = await window.open("/situation?suite=/mes-appareils")
    await window.check("situation")
    await page.get_by_label("CH de Démoville").check()
    await page.get_by_role("button", name="Continuer").click()
    await page.wait_for_url("**/mes-appareils")
    await expect(page.locator("summary", has_text="CH de Démoville")).to_be_visible()
    await page.locator("summary", has_text="CH de Démoville").click()
    await expect(page.get_by_role("link", name="Changer de lieu d’exercice")).to_be_visible()
    other = await screen(browser, application(pages, own))
    page = await other.open("/connexion?refus=carte")
    await expect(page.get_by_text("carte expirée ou révoquée")).to_be_visible()
    await other.check("connexion-refus")


@pytest.mark.browser
async def test_without_script_a_password_and_a_code_do(
    house: None, access: Access, clock: FixedClock, browser: Browser, web: str
) -> None:
    link = await link_of(access)
    window = await screen(browser, scripts=False)
    page = window.page
    await page.goto(f"{web}/compte/lien?lien={link}")
    await page.get_by_role("link", name="Mon appareil ne sait pas faire").click()
    typed = (await page.locator("code").text_content() or "").replace(" ", "")
    await page.get_by_label("Mot de passe").fill("court")
    await page.get_by_label("Code à six chiffres").fill(pyotp.TOTP(typed).at(clock.now()))
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_role("link", name="Il faut 12 caractères au moins")).to_be_visible()
    await window.picture("compte-mot-de-passe")
    await page.get_by_label("Mot de passe").fill(PASSWORD)
    await page.get_by_label("Code à six chiffres").fill(pyotp.TOTP(typed).at(clock.now()))
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_role("heading", name="Vos codes de secours")).to_be_visible()
    await window.picture("compte-codes")


@pytest.mark.browser
async def test_the_pages_of_administration_are_accessible(
    house: None, access: Access, browser: Browser, application: Any, signed_in: Any
) -> None:
    await link_of(access)
    window = await screen(browser, application(pages, settings=KEYS), headers=await signed_in(OPERATOR))
    await window.open("/comptes")
    await window.check("comptes")
    page = await window.open("/comptes/inviter")
    await window.check("comptes-inviter")
    await page.get_by_role("button", name="Envoyer l’invitation").click()
    await expect(page.get_by_role("alert")).to_contain_text("à corriger")
    await window.check("comptes-inviter-fautes")
    await window.open("/sessions")
    await window.check("sessions")


@pytest.mark.browser
async def test_the_pages_of_a_new_link_are_accessible(
    house: None, access: Access, clock: FixedClock, browser: Browser, application: Any, signed_in: Any
) -> None:
    app = application(pages, settings=KEYS)
    async with browsing(app) as theo:
        await set_password(theo, await link_of(access), clock)
    async with access.act(ENROLLING) as ctx:
        found = await accounts.account_by_email(ctx, THEO.email)
        assert found is not None
        reset = await accounts.new_link(ctx, found.id, keeps=True)
    window = await screen(browser, app, headers=await signed_in(OPERATOR))
    page = await window.open(f"/comptes/{found.id}/lien")
    await window.check("nouveau-lien")
    await page.get_by_role("button", name="Envoyer le lien").click()
    await expect(page.get_by_role("alert")).to_contain_text("à corriger")
    await window.check("nouveau-lien-fautes")
    window = await screen(browser, app)
    await window.open(f"/compte/lien?lien={reset}")
    await window.check("nouveau-mot-de-passe")
