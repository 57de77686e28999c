"""What services above put before somebody: once, to those who may see it, in the words of the service whose matter it is."""

from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.db import count_statements
from maillage.services.messaging import jobs, pages
from maillage.services.messaging.events import MatterTold, NoticePosted
from maillage.services.messaging.public import Words, notify, renders, settle
from maillage.services.messaging.resources import wording
from maillage.services.messaging.service import inbox
from tests.support.browser import HERE
from tests.support.people import SEED, care_team, professional

GP = professional("gp", name="Dr Camille EXEMPLE")
PROFESSION = {
    "coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante", "code": "10"}]
}
LISE = Actor(
    id="psc:lise", kind=ActorKind.PROFESSIONAL, name="Lise MAQUETTE", roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/lise", organizations=("Organization/dac",),
)  # fmt: skip


def task(id: str, words: str = "Appeler la pharmacie") -> dict[str, Any]:
    return {
        "resourceType": "Task", "id": id, "status": "requested", "intent": "order", "description": words, "for": {"reference": "Patient/zoe"},
    }  # fmt: skip


@pytest.fixture(autouse=True)
async def territory(access: Access) -> None:
    """Zoé, her GP, the team that coordinates, and a doctor of nobody's circle."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"family": "MARTIN"}], "birthDate": "1950-02-03"},
            *({"resourceType": "Practitioner", "id": id, "name": [{"family": id.upper()}], "qualification": [{"code": PROFESSION}],
               "telecom": [{"system": "email", "value": f"{id}@example.test"}]} for id in ("gp", "outsider")),
            {"resourceType": "Practitioner", "id": "lise", "name": [{"family": "MAQUETTE"}]},
            {"resourceType": "Organization", "id": "dac", "name": "DAC des Essais"},
            {"resourceType": "PractitionerRole", "id": "lise-dac", "active": True, "practitioner": {"reference": "Practitioner/lise"},
             "organization": {"reference": "Organization/dac"}},
            care_team("zoe", "Practitioner/gp", "Organization/dac"),
            task("t1"),
        )  # fmt: skip


@pytest.fixture
def words_of_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_RENDERERS", {})

    @renders("task")
    def words(resource: Any) -> Words:
        return Words(
            resource["description"], "Avant vendredi", "Dr Camille EXEMPLE", f"/taches?tache={resource['id']}", urgent=True
        )


async def told(access: Access, *, by: Actor = GP, **said: Any) -> list[str]:
    """Tells as a page does, runs the reaction twice, and answers to whom a notice was posted."""
    async with access.act(by) as ctx:
        notify(ctx, **{"kind": "task", "about": "Task/t1", "patient": "zoe", **said})
        events = [event for event in ctx.announced if isinstance(event, MatterTold)]
    posted: list[str] = []
    for _ in range(2):
        async with access.act(SEED) as ctx:
            for event in events:
                await jobs.put_before.handler(ctx, event)
            posted += [event.recipient for event in ctx.announced if isinstance(event, NoticePosted)]
    return posted


async def titles(access: Access, actor: Actor) -> list[str]:
    async with access.act(actor, read_only=True) as ctx:
        held = await inbox.inbox(ctx)
        return [
            wording.words_of(n.kind, held.matters[n.about], patient=n.patient).title
            for n in held.notices
            if n.about in held.matters
        ]


async def test_who_may_see_a_matter_is_told_once_and_who_may_not_is_not(access: Access, words_of_tasks: None) -> None:
    assert await told(access, by=LISE, to=["Practitioner/gp", "Practitioner/outsider"]) == ["Practitioner/gp"]
    assert await titles(access, GP) == ["Appeler la pharmacie"]
    assert await titles(access, professional("outsider")) == []
    assert await told(access, by=LISE, to=["Practitioner/gp"]) == []
    assert await told(access, by=LISE, to=["Practitioner/gp"], key="rappel") == ["Practitioner/gp"]


async def test_who_tells_is_not_told_and_others_of_the_circle_do_not_see_the_notice(access: Access, words_of_tasks: None) -> None:
    assert (
        await told(access, to=["Practitioner/gp", "Practitioner/lise"]) == []
    )  # of Lise's profession the directory says nothing
    assert await told(access, to=["Organization/dac"]) == ["Organization/dac"]
    assert await titles(access, LISE) == ["Appeler la pharmacie"]
    async with access.act(professional("gp2")) as ctx:
        assert await ctx.records.find("Communication") == []


async def test_a_teams_notice_is_treated_by_one_for_all(access: Access, words_of_tasks: None) -> None:
    await told(access, to=["Organization/dac"])
    async with access.act(LISE) as ctx:
        [notice] = (await inbox.inbox(ctx)).notices
        await inbox.mark(ctx, notice=notice.id, treated=True)
    async with access.act(LISE, read_only=True) as ctx:
        assert await inbox.count_to_treat(ctx) == 0


async def test_what_is_settled_leaves_every_inbox(access: Access, words_of_tasks: None) -> None:
    await told(access, by=LISE, to=["Practitioner/gp", "Organization/dac"], sender="Organization/elsewhere")
    assert await titles(access, GP) == await titles(access, LISE) == ["Appeler la pharmacie"]
    async with access.act(GP) as ctx:
        settle(ctx, about="Task/t1", kind="task")
        [event] = [event for event in ctx.announced if isinstance(event, MatterTold)]
    async with access.act(SEED) as ctx:
        await jobs.put_before.handler(ctx, event)
    assert await titles(access, GP) == await titles(access, LISE) == []


async def test_what_nobody_renders_is_named_by_its_type(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_RENDERERS", {})
    await told(access, by=LISE, to=["Practitioner/gp"], kind="of-a-later-version")
    assert await titles(access, GP) == ["À voir : le suivi du parcours"]


async def test_an_inbox_of_forty_matters_takes_as_many_statements_as_one_of_a_single_one(
    access: Access, application: Any, signed_in: Any, words_of_tasks: None
) -> None:
    transport = ASGITransport(app=application(pages))
    async with AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *await signed_in(GP)]) as gp:
        await told(access, by=LISE, to=["Practitioner/gp"])
        with count_statements() as few:
            page = (await gp.get("/nouveautes")).text
        for words in ("Appeler la pharmacie", "Avant vendredi", 'href="/taches?tache=t1"', "Urgent"):
            assert words in page
        async with access.act(SEED) as ctx:
            await ctx.records.write_all(task(f"m{number}", f"Tâche {number}") for number in range(40))
        for number in range(40):
            await told(access, by=LISE, to=["Practitioner/gp"], about=f"Task/m{number}")
        with count_statements() as many:
            assert "Tâche 39" in (await gp.get("/nouveautes")).text
        assert many.statements == few.statements
