"""What the law keeps and what may be erased; who asks, who decides, what the person is told."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.connectors.mail import Mailer
from maillage.db import Database
from maillage.errors import Forbidden, Gone, NotFound
from maillage.jobs import Job, Outside
from maillage.services.rights import jobs, pages
from maillage.services.rights.rules.erasure import (
    CARE,
    CHOICE,
    PERSON,
    PLATFORM,
    Part,
    after_years,
    kept_after,
    propose,
    retention,
)
from tests.support.browser import HERE, screen
from tests.support.people import SEED, care_team, officer_of, patient, professional, sees

ZOE, GP, OFFICER = patient("zoe"), professional("gp", Role.GP), officer_of(Role.OFFICER)
CARER = Actor(
    id="c", kind=ActorKind.CARER, name="Claude", roles=frozenset({Role.CARER, Role.REPRESENTATIVE}), reference="RelatedPerson/c"
)
ACTS = Actor(
    id="r", kind=ActorKind.CARER, name="Anne", roles=frozenset({Role.CARER, Role.REPRESENTATIVE}), reference="RelatedPerson/r"
)
ABOUT = {"subject": {"reference": "Patient/zoe"}}
WORDS = "Je ne veux plus que cela se lise"
ANSWER = "Le reste se garde, la loi le demande. Vous pouvez saisir la CNIL."
DAY = date(2026, 11, 23)


def part(name: str, day: date, author: str = CARE, **more: Any) -> Part:
    return Part(name, day, day, going_on=False, written=day, author=author, **more)


@pytest.mark.parametrize(
    ("last", "born", "died", "until", "rule"),
    [
        (date(2006, 5, 2), "1950-06-01", None, date(2026, 5, 2), "twenty"),
        (date(2004, 2, 29), "1950-06-01", None, date(2024, 2, 29), "twenty"),
        (date(2006, 5, 2), "2006-05-01", None, date(2034, 5, 1), "child"),  # a newborn: the twenty-eighth birthday
        (date(2014, 5, 1), "2006-05-01", None, date(2034, 5, 1), "twenty"),  # at eight: both end on the same day
        (date(2014, 4, 30), "2006-05-01", None, date(2034, 5, 1), "child"),
        (date(2010, 1, 1), "2004-02-29", None, date(2032, 2, 29), "child"),
        (date(2006, 5, 2), "2006", None, date(2034, 12, 31), "child"),  # a year of birth: its last day
        (date(2006, 5, 2), "2006-02", None, date(2034, 2, 28), "child"),
        (date(2006, 5, 2), None, None, date(2034, 5, 2), "child"),  # nobody knows: it may have been a newborn
        (date(2006, 5, 2), "1950-06-01", "2008-02-29", date(2018, 2, 28), "death"),
        (date(2006, 5, 2), "2004-01-01", "2008-03-01", date(2018, 3, 1), "death"),  # a child who died
        (date(2006, 5, 2), "1950-06-01", "2016-05-01", date(2026, 5, 1), "death"),
        (date(2006, 5, 2), "1950-06-01", "2016-05-02", date(2026, 5, 2), "twenty"),  # ten years after: the twenty stand
        (date(2006, 5, 2), "1950-06-01", "2006-04-20", date(2016, 5, 2), "death"),  # a letter that came after the death
        (date(2006, 5, 2), "1950-06-01", "2006-04-20T10:00:00+02:00", date(2016, 5, 2), "death"),
    ],
)
def test_until_when_the_law_keeps_a_record(last: date, born: str | None, died: str | None, until: date, rule: str) -> None:
    found = kept_after(last, born=born, died=died)
    assert (found.until, found.rule) == (until, rule)
    assert not found.ended(until)
    assert found.ended(until + timedelta(days=1))


def test_the_last_care_of_all_counts_and_a_stay_that_goes_on_ends_nothing() -> None:
    old = part("Observation/1", date(1990, 1, 1))
    new = part("DocumentReference/1", date(2010, 6, 1))
    own = part("Communication/1", date(2026, 1, 1), PERSON)
    assert retention([old, new, own], born="1950-01-01", died=None).until == date(2030, 6, 1)
    assert retention([part("Patient/p", date(2020, 1, 1)), own], born="1950-01-01", died=None).until == date(2040, 1, 1)
    stay = Part("Encounter/1", date(1990, 1, 1), None, going_on=True, written=date(1990, 1, 1), author=CARE)
    assert retention([old, stay], born="1950-01-01", died=None).until is None
    illness = Part("Condition/1", date(1990, 1, 1), None, going_on=True, written=date(1990, 1, 1), author=CARE)
    assert retention([old, illness], born="1950-01-01", died=None).until == date(2010, 1, 1)
    gone = part("Observation/2", date(2025, 1, 1), deleted=True)
    assert retention([old, gone], born="1950-01-01", died=None).until == date(2010, 1, 1)
    assert after_years(date(2024, 2, 29), 1) == date(2025, 2, 28)


def reasons(parts: list[Part], **more: Any) -> tuple[set[str], dict[str, str]]:
    found = propose(parts, born="1950-01-01", died=None, today=DAY, **more)
    return {one.name for one in found.erased}, {one.part.name: one.why for one in found.kept}


def test_what_the_person_wrote_is_erased_unless_it_was_used_and_the_rest_is_kept_with_its_reason() -> None:
    letter = part("DocumentReference/1", date(2025, 1, 1))
    used = part("QuestionnaireResponse/1", date(2025, 1, 2), PERSON, used_by=frozenset({"Observation/1"}))
    score = part("Observation/1", date(2025, 1, 3))
    first = part("Communication/1", date(2025, 1, 2), PERSON, used_by=frozenset({"Communication/2", "Provenance/1"}))
    second = part("Communication/2", date(2025, 1, 3), PERSON)
    elsewhere = part("Communication/3", date(2025, 1, 3), PERSON, used_by=frozenset({"Task/of-another-record"}))
    signed = part("Provenance/1", date(2025, 1, 2), PLATFORM, about=frozenset({"Communication/1"}))
    parts = [letter, used, score, first, second, elsewhere, signed]
    erased, kept = reasons(parts)
    assert erased == {"Communication/1", "Communication/2", "Provenance/1"}
    assert kept == {
        "DocumentReference/1": "twenty",
        "Observation/1": "twenty",
        "QuestionnaireResponse/1": "used",
        "Communication/3": "used",
    }
    assert reasons(parts, wanted="Communication/2") == ({"Communication/2"}, {})
    assert reasons(parts, wanted="DocumentReference/1") == (set(), {"DocumentReference/1": "twenty"})
    assert reasons(parts, wanted="Communication/unknown") == (set(), {})
    assert reasons(parts, restricted=True)[0] == set()


def test_a_choice_in_force_is_taken_back_first_and_its_proof_is_kept_five_years() -> None:
    letter = part("DocumentReference/1", date(2025, 1, 1))
    parts = [
        letter,
        part("Consent/now", date(2015, 1, 1), CHOICE),
        part("Consent/lately", DAY.replace(year=2021), CHOICE, ended=True),
        part("Consent/long-ago", DAY.replace(year=2021) - timedelta(days=1), CHOICE, ended=True),
    ]
    erased, kept = reasons(parts)
    assert erased == {"Consent/long-ago"}
    assert kept == {"DocumentReference/1": "twenty", "Consent/now": "in-force", "Consent/lately": "proof"}


def test_past_its_retention_all_of_a_record_may_go() -> None:
    parts = [
        part("Patient/p", DAY),
        part("Observation/1", date(2005, 1, 1)),
        part("Consent/now", DAY, CHOICE),
        part("Communication/n", DAY, PLATFORM),
    ]
    assert reasons(parts) == ({one.name for one in parts}, {})
    assert reasons(parts, restricted=True)[0] == set()


@pytest.fixture
async def followed(access: Access) -> Access:
    """Zoé: a letter by her doctor, two messages of hers of which one was answered, a choice; someone who acts for her, and one who does not."""

    def message(id: str, words: str, **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "Communication", "id": id, "status": "completed", "sender": {"reference": "Patient/zoe"}, "sent": "2026-11-20T10:00:00+01:00",
            "payload": [{"contentString": words}], **ABOUT, **more,
        }  # fmt: skip

    letter = {
        "resourceType": "DocumentReference", "id": "letter", "status": "current", "description": "Lettre", "author": [{"reference": "Practitioner/gp"}],
        "date": "2026-11-19T10:00:00+01:00", "content": [{"attachment": {"contentType": "application/pdf", "url": "urn:x"}}], **ABOUT,
    }  # fmt: skip
    named = {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/zoe"}}
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "birthDate": "1950-06-01"},
            {"resourceType": "Patient", "id": "other"},
            care_team("zoe", "Practitioner/gp"),
            letter,
            message("said", "Je dors mal en ce moment"),
            message("asked", "Puis-je reprendre la natation ?"),
            message("theirs", "Bonjour", subject={"reference": "Patient/other"}, sender={"reference": "Patient/other"}),
            {**named, "id": "c", **sees("whole")},
            {**named, "id": "r", **sees("representative")},
        )
        await ctx.records.write(
            {
                "resourceType": "Communication",
                "id": "answer",
                "status": "completed",
                "sender": {"reference": "Practitioner/gp"},
                "sent": "2026-11-20T12:00:00+01:00",
                "inResponseTo": [{"reference": "Communication/asked"}],
                "partOf": [{"reference": "Communication/asked"}],
                **ABOUT,
            }
        )
    return access


async def visit(application: Any, signed_in: Any, who: Actor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=application(pages))
    return httpx.AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *await signed_in(who)])


async def post(client: httpx.AsyncClient, page: str, **fields: str) -> httpx.Response:
    shown = (await client.get(page)).text
    token, seen = re.findall(r'name="csrf" value="(\w+)"', shown), re.findall(r'name="vu" value="(\w+)"', shown)
    return await client.post(page, data={"csrf": token[-1] if token else "", "vu": seen[0] if seen else "", **fields})


async def asked(application: Any, signed_in: Any, about: str = "", who: Actor = ZOE) -> str:
    """The address at which the officer decides about what the person asked."""
    async with await visit(application, signed_in, who) as person:
        answer = await post(person, "/mes-demandes/effacement", mots=WORDS, quoi=about)
        assert answer.headers["location"] == "/mes-demandes?fait=1"
    async with await visit(application, signed_in, OFFICER) as officer:
        return str(re.findall(r'href="(/demandes/[0-9a-f-]{36}/effacement)"', (await officer.get("/demandes")).text)[-1])


async def carried_out(access: Access, folder: Path, clock: FixedClock, page: str) -> None:
    outside = Outside(
        mail=Mailer(address="127.0.0.1:9", sender="m@exemple.fr", clock=clock),
        base_url=HERE,
        anchor=folder,
        erasures=folder / "erasures",
    )
    await jobs.erase(Job(name="rights.erase", key="1", outside=outside, access=access), request=page.split("/")[2])


DECIDED = {"decision": "effacer", "mots": ANSWER, "confirmation": "EFFACER"}


async def test_the_person_knows_what_is_kept_before_asking_and_what_was_erased_after(
    followed: Access, clock: FixedClock, application: Any, signed_in: Any, tmp_path: Path
) -> None:
    async with await visit(application, signed_in, ZOE) as zoe:
        before = (await zoe.get("/mes-demandes/effacement")).text
        for words in ("20 ans après vos derniers soins", "28 ans", "R1112-7", "Tout ce qui peut l’être", "Communication/said"):
            assert words in before, words
    page = await asked(application, signed_in)
    async with await visit(application, signed_in, OFFICER) as officer:
        shown = (await officer.get(page)).text
        assert re.search(r"Les messages\W+1\W+élément", shown)
        for words in ("vingt ans après vos derniers soins", "jusqu’au 20 nov. 2046", "R1112-7", "les documents"):
            assert words in re.sub(r"[\u202f\u00a0]|&nbsp;", " ", shown), words
        done = await post(officer, page, **DECIDED)
        assert done.headers["location"] == "/demandes?vue=repondues&fait=1"
    async with await visit(application, signed_in, ZOE) as zoe:
        assert "Effacement en cours" in (await zoe.get("/mes-demandes")).text
    await carried_out(followed, tmp_path, clock, page)
    async with await visit(application, signed_in, ZOE) as zoe:
        told = (await zoe.get("/mes-demandes")).text
    assert "Effacé : les messages (1)" in re.sub(r"[\u202f\u00a0]", " ", told)
    assert ANSWER in told
    async with followed.act(ZOE, read_only=True) as ctx:
        assert [one["id"] for one in await ctx.records.find("Communication", {"sender": "Patient/zoe"})] == ["asked"]
        assert (await ctx.records.read("DocumentReference", "letter"))["id"] == "letter"
    for who in (ZOE, GP):
        with pytest.raises(NotFound):
            async with followed.act(who, read_only=True) as ctx:
                await ctx.records.read("Communication", "said")
    with pytest.raises(Gone, match="erased"):
        async with followed.act(SEED, read_only=True) as ctx:
            await ctx.records.read("Communication", "said")


async def test_a_decision_needs_words_a_confirmation_and_what_was_seen(
    followed: Access, clock: FixedClock, application: Any, signed_in: Any, tmp_path: Path
) -> None:
    page = await asked(application, signed_in, "Communication/said")
    async with await visit(application, signed_in, OFFICER) as officer:
        for wrong, words in (
            ({"decision": ""}, "Choisissez une décision"),
            ({"confirmation": "effacer"}, "Écrivez EFFACER"),
            ({"mots": "non"}, "entre 10"),
            ({"vu": "0" * 16}, "relisez la proposition"),
        ):
            answer = await post(officer, page, **DECIDED | wrong)
            assert (answer.status_code, words in answer.text) == (422, True), wrong
        assert (await post(officer, page.removesuffix("/effacement"), reponse="accepted", mots=ANSWER)).status_code in (
            403,
            404,
            405,
            422,
        )
        assert (await post(officer, page, **DECIDED)).status_code == 303
        assert (await post(officer, page, **DECIDED)).status_code == 409
    await carried_out(followed, tmp_path, clock, page)
    async with await visit(application, signed_in, OFFICER) as officer:
        assert "Effacé" in (await officer.get(page)).text


async def test_what_was_used_in_between_is_kept_and_the_person_is_told(
    followed: Access, clock: FixedClock, application: Any, signed_in: Any, tmp_path: Path
) -> None:
    page = await asked(application, signed_in, "Communication/said")
    async with await visit(application, signed_in, OFFICER) as officer:
        assert (await post(officer, page, **DECIDED)).status_code == 303
    async with followed.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Communication", "id": "late", "status": "completed", "sender": {"reference": "Practitioner/gp"}, "partOf": [{"reference": "Communication/said"}], **ABOUT}
        )  # fmt: skip
    await carried_out(followed, tmp_path, clock, page)
    async with await visit(application, signed_in, ZOE) as zoe:
        assert "entre-temps" in (await zoe.get("/mes-demandes")).text
    async with followed.act(ZOE, read_only=True) as ctx:
        assert (await ctx.records.read("Communication", "said"))["id"] == "said"


async def test_who_may(followed: Access, application: Any, signed_in: Any, database: Database) -> None:
    page = await asked(application, signed_in, "Communication/said", who=ACTS)  # who acts in their name asks, as the person does
    for who, path in ((CARER, "/mes-demandes/effacement"), (GP, "/mes-demandes/effacement"), (OFFICER, "/mes-demandes/effacement"), (ZOE, page), (GP, page),
                      (ACTS, page), (ZOE, "/conservation"), (officer_of(Role.OPERATOR), "/conservation"), (officer_of(Role.STEWARD), page)):  # fmt: skip
        async with await visit(application, signed_in, who) as one:
            assert (await one.get(path)).status_code == 403, (who.id, path)
            posted = path + ("/zoe" if path == "/conservation" else "")
            assert (await one.post(posted, data=DECIDED)).status_code == 403, (who.id, path)
    async with await visit(application, signed_in, ZOE) as zoe:
        for about in ("Communication/theirs", "Patient/zoe", "Observation/1", "Communication/nothing"):
            answer = await post(zoe, "/mes-demandes/effacement", mots=WORDS, quoi=about)
            assert (answer.status_code, "dans votre dossier" in answer.text) == (422, True), about
    async with await visit(application, signed_in, OFFICER) as officer:
        for unknown in ("nothing", "00000000-0000-4000-8000-000000000000"):
            assert (await officer.get(f"/demandes/{unknown}/effacement")).status_code == 404
    for actor in (OFFICER, ZOE, GP):
        with pytest.raises(Forbidden):
            async with followed.act(actor) as ctx:
                await ctx.records.erasing.erase("zoe", [("Communication", "said")], because="x")
    async with followed.act(GP, read_only=True) as ctx:
        with pytest.raises(Forbidden):
            await ctx.records.erasing.inventory("zoe")


async def test_the_nights_list_what_the_law_keeps_no_longer_and_the_officer_may_keep_it(
    followed: Access, clock: FixedClock, application: Any, signed_in: Any
) -> None:
    async def night() -> str:
        async with followed.act(SEED) as ctx:
            await jobs.look_at_retentions.handler(ctx)
        async with await visit(application, signed_in, OFFICER) as officer:
            return (await officer.get("/conservation")).text

    assert "Aucun dossier" in await night()
    clock.advance(timedelta(days=366 * 20))
    assert "Dossier zoe" in await night()
    async with await visit(application, signed_in, OFFICER) as officer:
        token = re.findall(r'name="csrf" value="(\w+)"', (await officer.get("/conservation")).text)[-1]
        page = (await officer.post("/conservation/zoe", data={"csrf": token})).headers["location"]
        assert (await officer.post("/conservation/zoe", data={"csrf": token})).headers["location"] == page
        assert "Tout le dossier" in (await officer.get(page)).text
        assert (await post(officer, page, decision="refuser", mots="Une expertise est en cours")).status_code == 303
    assert "Dossier zoe" not in await night()
    clock.advance(timedelta(days=367))
    assert "Une expertise est en cours" in await night()
    async with followed.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "effectiveDateTime": "2047-01-01", **ABOUT}
        )
    assert "Dossier zoe" not in await night()


@pytest.mark.browser
async def test_the_pages_are_accessible(
    followed: Access, clock: FixedClock, browser: Browser, application: Any, signed_in: Any
) -> None:
    page = await asked(application, signed_in)
    window = await screen(browser, application(pages), headers=await signed_in(ZOE))
    for path, name in (("/mes-demandes/effacement?quoi=Communication/said", "effacement"), ("/mes-demandes", "mes-demandes")):
        await window.open(path)
        await window.check(name)
    window = await screen(browser, application(pages), headers=await signed_in(OFFICER))
    for path, name in (
        (page, "effacement-decision"),
        ("/demandes", "demandes-effacement"),
        ("/conservation", "conservation-vide"),
    ):
        await window.open(path)
        await window.check(name)
    clock.advance(timedelta(days=366 * 20))
    async with followed.act(SEED) as ctx:
        await jobs.look_at_retentions.handler(ctx)
    window = await screen(browser, application(pages), headers=await signed_in(OFFICER))
    await window.open("/conservation")
    await window.check("conservation")
