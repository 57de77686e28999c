"""Who is told of a document, by notice, by e-mail and by the live signal: of every reader, exactly those who may see it.

The readers, the records and what is expected are those of the matrix.
"""

import contextlib
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.db import Database
from maillage.errors import Forbidden
from maillage.http.live import Live, Stream, tell
from maillage.services.documents.events import AnnouncementDue, DocumentReceived
from maillage.services.messaging import jobs
from maillage.services.messaging.events import NoticePosted
from tests.rights.test_rights_matrix import (
    CHOICES,
    HOUSE,
    READERS,
    Pair,
    choice_of,
    expected,
    person_of,
    records_of,
    ref,
    relation_to,
    the_actor,
)
from tests.support.people import SEED

Resource = dict[str, Any]

HEALTH = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
SOCIAL = "https://mos.esante.gouv.fr/NOS/TRE_R94-ProfessionSocial/FHIR/TRE-R94-ProfessionSocial"
PART = {"coordinator": "Coordinatrice de parcours"}


def practitioner(reader: str) -> Resource:
    code = READERS[reader][1]
    trade = {"system": HEALTH, "code": code} if code else {"system": SOCIAL, "code": "320"}
    return {
        "resourceType": "Practitioner", "id": reader, "qualification": [{"code": {"coding": [trade]}}],
        "telecom": [{"system": "email", "value": f"{reader}@example.test"}],
    }  # fmt: skip


def role(reader: str) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "id": reader,
        "practitioner": ref(f"Practitioner/{reader}"),
        "organization": ref(HOUSE),
    }


def team(person: str) -> Resource:
    members = [
        {"member": ref(f"Practitioner/{reader}"), **({"role": [{"text": PART[reader]}]} if reader in PART else {})}
        for reader in READERS
    ]
    about = {"status": "active", "subject": ref(f"Patient/{person}")}
    return {"resourceType": "CareTeam", "id": f"team.{person}", **about, "participant": members}


async def a_circle(access: Access, choice: str, relation: str = "circle") -> str:
    person = person_of(relation, choice)
    async with access.act(SEED) as ctx:
        await ctx.records.write_all(
            [*map(practitioner, READERS), *map(role, READERS), *relation_to(person, relation), *records_of(person)]
        )
        if relation == "circle":
            await ctx.records.write(team(person))
        if consent := choice_of(person, choice):
            await ctx.records.write(consent)
    return person


@pytest.mark.parametrize(
    ("relation", "choice"), [*(("circle", one) for one in CHOICES), ("gp", "none"), ("gp", "hidden"), ("gp", "excluded")]
)
async def test_those_are_told_of_a_document_who_may_see_it(
    access: Access, database: Database, relation: str, choice: str
) -> None:
    person = await a_circle(access, choice, relation)
    readers = [
        one for one in READERS if relation == "circle" or one not in PART
    ]  # the directory knows the part they play in a circle
    documents = [one["id"] for one in records_of(person) if one["resourceType"] == "DocumentReference"]
    others = {f"Practitioner/{one}" for one in READERS if one not in readers}
    live = Live(database)
    await live.start()
    try:
        await live.listening.wait()
        for document in documents:
            name = document.partition(".")[0]
            pairs: dict[str, Pair] = {reader: (reader, relation, choice) for reader in readers}
            wanted = {f"Practitioner/{reader}" for reader, pair in pairs.items() if name in expected(pair)}
            owed = await owed_to(database)
            with contextlib.ExitStack() as stack:
                streams = {one: stack.enter_context(live.stream_of(the_actor(one, person))) for one in READERS}
                async with access.act(SEED) as ctx:
                    received = DocumentReceived(document=document, patient=person, certain=True, type="x", door="mllp")
                    await jobs.tell_the_circle(ctx, received)
                heard = {
                    f"Practitioner/{one}"
                    for one, stream in streams.items()
                    if "nouveautes" in await heard_by(stream, access, one)
                }
            async with access.act(SEED, read_only=True) as ctx:
                notices = await ctx.records.find(
                    "Communication", [("identifier", f"urn:maillage:notice-document|{document}"), ("_count", "100")]
                )
            assert {one["recipient"][0]["reference"] for one in notices} - others == wanted, (document, choice)
            assert heard - others == wanted, (document, choice)
            assert {one for one, count in (await owed_to(database)).items() if count > owed.get(one, 0)} - others == wanted, (
                document,
                choice,
            )
    finally:
        await live.stop()


async def heard_by(stream: Stream, access: Access, reader: str) -> set[str]:
    """All that a stream was told so far: signals come in their order."""
    async with access.act(SEED) as ctx:
        await tell(ctx, [f"Practitioner/{reader}"], topic="last")
    heard: set[str] = set()
    while "last" not in heard:
        heard.update(await stream.next(10.0))
    return heard


async def owed_to(database: Database) -> dict[str, int]:
    async with database.reading(on_primary=True) as conn:
        rows = await (await conn.execute(b"select recipient, pending from messaging_mail")).fetchall()
    return {row["recipient"]: row["pending"] for row in rows}


@pytest.mark.parametrize(("choice", "told"), [("none", True), ("excluded", False)])
async def test_an_author_is_reminded_of_what_waits_unless_they_were_excluded(access: Access, choice: str, told: bool) -> None:
    person = await a_circle(access, choice)
    written = next(one for one in records_of(person) if one["id"].startswith("unannounced")) | {
        "author": [ref("Practitioner/doctor")]
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(written)
    async with access.act(SEED) as ctx:
        await jobs.remind_the_author(ctx, AnnouncementDue(document=written["id"], patient=person, author="Practitioner/doctor"))
        assert [type(event).__name__ for event in ctx.announced] == ["NoticePosted"] * told


async def test_only_who_sees_every_row_asks_what_others_see(access: Access) -> None:
    person = await a_circle(access, "none")
    asked = [(the_actor("nurse", person), "DocumentReference", f"letter.{person}")]
    async with access.act(SEED) as ctx:
        assert await ctx.records.seen_by(asked) == [True]
    with pytest.raises(Forbidden):
        async with access.act(the_actor("doctor", person)) as ctx:
            await ctx.records.seen_by(asked)


async def test_who_is_of_a_circle_by_their_function_is_told_by_what_that_place_sees(access: Access) -> None:
    person = await a_circle(access, "none")
    elsewhere = role("doctor") | {"id": "elsewhere", "organization": ref("Organization/elsewhere")}
    asked = {
        "status": "active",
        "subject": ref(f"Patient/{person}"),
        "participant": [{"member": ref("PractitionerRole/elsewhere")}],
    }
    no = choice_of(person, "house-excluded")
    assert no
    async with access.act(SEED) as ctx:
        await ctx.records.write(elsewhere)
        await ctx.records.write({"resourceType": "CareTeam", "id": f"team.{person}", **asked}, no)
    async with access.act(SEED) as ctx:
        received = DocumentReceived(document=f"letter.{person}", patient=person, certain=True, type="x", door="mllp")
        await jobs.tell_the_circle(ctx, received)
        assert [event.recipient for event in ctx.announced if isinstance(event, NoticePosted)] == ["Practitioner/doctor"]
