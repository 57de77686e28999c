"""Requests for support: who may ask, in whose name, with whose agreement; who answers, step after step; what each sees meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.errors import Forbidden, MaillageError, NotFound, PreconditionFailed, Unprocessable
from maillage.services.coordination import jobs
from maillage.services.coordination.events import CoordinationRefused
from maillage.services.coordination.resources import episode as episodes
from maillage.services.coordination.resources import support as resources
from maillage.services.coordination.resources.support import Agreement
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import support
from maillage.services.coordination.service.support import Person
from maillage.services.identity import public as identity
from maillage.services.identity.public import Traits
from maillage.services.rights import public as rights
from tests.support.people import MACHINE, NOON, SEED, care_team
from tests.support.teams import (
    DOMINIQUE,
    GP,
    LISE,
    NEED,
    OTHER,
    OUTSIDER,
    P,
    answer,
    ask,
    by_outsider,
    news,
    react,
    sees,
    state_of,
    works,
    write_teams,
)

Resource = dict[str, Any]


@pytest.fixture
async def territory(access: Access) -> None:
    await write_teams(access)


async def test_who_asks_about_somebody_they_do_not_follow_sees_their_request_and_nothing_of_the_record(
    territory: None, access: Access
) -> None:
    id = await by_outsider(access)
    async with access.act(OUTSIDER, read_only=True) as ctx:
        (mine,) = await support.mine(ctx)
    assert (mine.id, mine.state, mine.person) == (id, State.NEW, "PAT-TROIS Dominique, 28/03/1979")
    assert await sees(access, GP, "Condition", "secret")
    assert not await sees(access, OUTSIDER, "Condition", "secret")
    assert not await sees(access, OUTSIDER, "Patient", "p")
    async with access.act(SEED) as ctx:
        assert (await support.one(ctx, id)).patient == "p"


async def test_who_is_not_known_here_becomes_an_identity_that_a_steward_looks_at(territory: None, access: Access) -> None:
    unknown = Traits(birth_name="INCONNU", first_given="ALBERT", birth_date="1950-01-02", sex="male", phone="06 39 98 00 01")
    id = await ask(access, OUTSIDER, Person(patient=None, traits=unknown))
    async with access.act(SEED) as ctx:
        found = await support.one(ctx, id)
        assert identity.claim_of(await ctx.records.read("Patient", found.patient)).traits.birth_name == "INCONNU"
        assert await identity.waiting(ctx) == 1
    assert found.phone == "06 39 98 00 01"


async def test_the_team_sees_the_request_alone_until_it_accepts_then_the_record(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    async with access.act(LISE, read_only=True) as ctx:
        (one,) = (await support.desk(ctx)).requests
    assert one.id == id
    assert not await sees(access, LISE, "Condition", "secret")
    assert not await sees(access, LISE, "Patient", "p")
    await answer(access, LISE, id, State.ACCEPTED)
    assert await sees(access, LISE, "Patient", "p")
    assert not await sees(access, OTHER, "Patient", "p")
    async with access.act(SEED) as ctx:
        (episode,) = await ctx.records.find("EpisodeOfCare", {"patient": "Patient/p"})
        (circle,) = await ctx.records.find("CareTeam", {"patient": "Patient/p"})
    assert (episode["managingOrganization"]["reference"], episode["careManager"]["reference"]) == (
        "Organization/dac",
        "Practitioner/lise",
    )
    assert [one["member"]["reference"] for one in circle["participant"]] == [
        "Practitioner/gp",
        "Organization/dac",
        "PractitionerRole/lise-dac",
    ]


async def test_an_acceptance_that_is_heard_twice_opens_one_episode(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    await answer(access, LISE, id, State.ACCEPTED)
    await answer(access, LISE, id, State.ACCEPTED)
    await react(access)
    async with access.act(SEED) as ctx:
        assert len(await ctx.records.find("EpisodeOfCare", {"patient": "Patient/p"})) == 1


async def test_a_form_that_is_sent_twice_asks_once(territory: None, access: Access) -> None:
    person = Person(patient="p", traits=DOMINIQUE)
    assert await ask(access, GP, person, key="same") == await ask(access, GP, person, key="same")
    async with access.act(GP, read_only=True) as ctx:
        assert len(await support.mine(ctx)) == 1


async def test_another_team_neither_sees_nor_answers_a_request(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    async with access.act(OTHER, read_only=True) as ctx:
        assert (await support.desk(ctx)).requests == []
    with pytest.raises(NotFound):
        await answer(access, OTHER, id, State.ACCEPTED)
    async with access.act(SEED) as ctx:  # also where the record is open to them by another way
        await ctx.records.write(care_team("p", "Practitioner/gp", "Organization/autre"))
    with pytest.raises(Forbidden):
        await answer(access, OTHER, id, State.ACCEPTED)
    assert await state_of(access, id) is State.NEW
    await answer(access, LISE, id, State.ACCEPTED)
    assert await state_of(access, id) is State.ACCEPTED


async def test_who_left_the_team_answers_no_more(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    await answer(access, LISE, id, State.ANALYSED)
    async with access.act(SEED) as ctx:
        await ctx.records.write(works("lise", "dac") | {"active": False})
    with pytest.raises(NotFound):
        await answer(access, LISE, id, State.ACCEPTED)


async def test_the_team_asks_the_requester_answers_the_team_goes_on(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    await answer(access, LISE, id, State.WAITING, words="Quel est le numéro de la fille ?")
    async with access.act(OUTSIDER) as ctx:
        await support.reply(ctx, access, id, words="Le 06 39 98 00 01, le soir")
    async with access.act(LISE, read_only=True) as ctx:
        one = await support.one(ctx, id)
    assert one.state is State.ANALYSED
    assert [(step.by, step.words) for step in one.steps] == [
        ("Lise", "Quel est le numéro de la fille ?"),
        ("Dr Paul ESSAI", "Le 06 39 98 00 01, le soir"),
    ]
    async with access.act(GP) as ctx:
        with pytest.raises(Forbidden):
            await support.reply(ctx, access, id, words="Je ne suis pas le demandeur")


@pytest.mark.parametrize(
    ("state", "words"), [(State.REFUSED, ""), (State.WAITING, "non"), (State.CLOSED, ""), (State.WITHDRAWN, "")]
)
async def test_a_step_that_does_not_follow_or_says_nothing_is_refused(
    territory: None, access: Access, state: State, words: str
) -> None:
    id = await by_outsider(access)
    with pytest.raises((Unprocessable, Forbidden)):
        await answer(access, LISE, id, state, words=words)
    assert await state_of(access, id) is State.NEW
    await answer(access, LISE, id, State.REFUSED, words="Hors de notre territoire : appelez le DAC voisin", directed=True)
    assert await state_of(access, id) is State.REFUSED
    with pytest.raises(Unprocessable):
        await answer(access, LISE, id, State.ACCEPTED)


async def test_two_colleagues_who_answer_at_once_are_told(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    async with access.act(LISE, read_only=True) as ctx:
        read = await support.one(ctx, id)
    await answer(access, LISE, id, State.ANALYSED)
    with pytest.raises(PreconditionFailed):
        await answer(access, LISE, id, State.REFUSED, words="Déjà suivie par une autre équipe", version=read.version)


async def test_a_person_asks_for_themself_and_takes_it_back(territory: None, access: Access) -> None:
    id = await ask(access, P, Person(patient="p", traits=DOMINIQUE), how="online")
    async with access.act(P) as ctx:
        (mine,) = await support.mine(ctx)
        await support.take_back(ctx, access, id)
    assert (mine.source, mine.agreement.collector if mine.agreement else "") == ("person", None)
    assert await state_of(access, id) is State.WITHDRAWN


async def test_somebody_who_objects_to_coordination_is_not_asked_for(territory: None, access: Access) -> None:
    await by_outsider(access)
    async with access.act(P) as ctx:
        await rights.choose(ctx, "p", "coordination", denied=True)
    for actor, person in ((OUTSIDER, Person(patient=None, traits=DOMINIQUE)), (GP, Person(patient="p", traits=DOMINIQUE))):
        with pytest.raises(Unprocessable):
            await ask(access, actor, person)


def resource_by(requester: str, **more: Any) -> Resource:
    agreement = Agreement(how="spoken", collector=requester, at=NOON)
    asked = {
        **resources.request_for(
            NEED, agreement, id="api", patient="p", person=DOMINIQUE, requester=requester, requester_name="Qui demande", team="Organization/dac", team_name="Équipe dac",
            at=NOON,
        ),
        **more,
    }  # fmt: skip
    return {name: value for name, value in asked.items() if value != []}


async def written(access: Access, actor: Actor, resource: Resource) -> str:
    """What a door answers: the name of the fault, or nothing."""
    try:
        async with access.act(actor, door="fhir") as ctx:
            await ctx.records.write(resource)
    except MaillageError as fault:
        return type(fault).__name__
    return ""


async def test_a_request_comes_by_the_api_in_ones_own_name_only(territory: None, access: Access) -> None:
    assert await written(access, GP, resource_by("Practitioner/outsider")) == "Forbidden"
    assert await written(access, OUTSIDER, resource_by("Practitioner/outsider")) == "Forbidden", "a record that is not theirs"
    assert await written(access, GP, resource_by("Practitioner/gp")) == ""
    assert await written(access, MACHINE, resource_by("Organization/autre", id="service")) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"extension": []}, {"performer": [{"reference": "Organization/nowhere"}]}, {"performer": []}, {"reasonCode": []}, {"status": "completed"},
        {"extension": [resources.agreement_for(Agreement(how="spoken", collector=None, at=NOON + timedelta(days=1)))]},
        {"extension": [resources.agreement_for(Agreement(how="guessed", collector=None, at=NOON))]},
    ],
)  # fmt: skip
async def test_a_request_by_the_api_lacks_nothing(territory: None, access: Access, wrong: Resource) -> None:
    assert await written(access, MACHINE, resource_by("Organization/autre", **wrong)) == "Unprocessable"
    assert await written(access, MACHINE, resource_by("Organization/autre")) == ""


async def test_the_answer_is_neither_forged_nor_led_elsewhere_by_the_api(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    async with access.act(SEED) as ctx:
        (task,) = await ctx.records.find("Task", {"focus": f"ServiceRequest/{id}"})
        request = await ctx.records.read("ServiceRequest", id)
    accepted = resources.moved(task, State.ACCEPTED, words="", by=None, name="Un logiciel", at=NOON)
    assert await written(access, OUTSIDER, accepted) == "Forbidden", "by who asked"
    assert await written(access, LISE, {**task, "owner": {"reference": "Organization/autre"}}) == "Unprocessable"
    assert await written(access, LISE, {**task, "code": {"text": "x"}}) == "Forbidden"
    assert await written(access, LISE, {k: v for k, v in task.items() if k not in ("id", "meta")}) == "Forbidden"
    assert await written(access, LISE, resources.with_referent(accepted, "Practitioner/outsider")) == "Unprocessable"
    assert await written(access, OUTSIDER, {**request, "performer": [{"reference": "Organization/autre"}]}) == "Unprocessable"
    assert await written(access, LISE, {**request, "status": "revoked"}) == "Forbidden"
    assert await written(access, LISE, accepted) == ""


async def test_each_step_is_before_whom_it_is_for(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    assert await news(access, LISE) == ["Demande d’appui : PAT-TROIS Dominique, 28/03/1979"]
    assert await news(access, OTHER) == []
    await answer(access, LISE, id, State.WAITING, words="Quel est le numéro de la fille ?")
    assert await news(access, OUTSIDER) == ["Demande d’appui : en attente d’une précision"]
    async with access.act(OUTSIDER) as ctx:
        await support.reply(ctx, access, id, words="Le 06 39 98 00 01, le soir")
    await react(access)
    assert len(await news(access, LISE)) == 2
    await answer(access, LISE, id, State.REFUSED, words="Hors de notre territoire", directed=True)
    assert "Demande d’appui : orientée ailleurs" in await news(access, OUTSIDER)
    assert "Demande d’appui : PAT-TROIS Dominique, 28/03/1979" not in await news(access, LISE)


async def consents(access: Access) -> list[Resource]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find("Consent", {"patient": "Patient/p"})


async def test_what_the_person_agreed_to_is_their_choice_once_the_support_begins(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    assert await consents(access) == []
    await answer(access, LISE, id, State.ACCEPTED)
    (consent,) = await consents(access)
    assert (consent["status"], consent["provision"]["type"]) == ("active", "permit")
    assert consent["performer"] == [{"reference": "Patient/p"}, {"reference": "Practitioner/outsider"}]
    assert [one["coding"][0]["code"] for one in consent["category"]] == ["coordination", "spoken"]
    async with access.act(GP) as ctx:  # who collects that they changed their mind is not refused
        await rights.choose(ctx, "p", "coordination", denied=True, how="spoken")
    assert not await sees(access, LISE, "Patient", "p")


async def test_what_the_person_said_themself_is_not_written_over_by_a_request(territory: None, access: Access) -> None:
    async with access.act(P) as ctx:
        await rights.choose(ctx, "p", "coordination", denied=False)
    before = await consents(access)
    await answer(access, LISE, await by_outsider(access), State.ACCEPTED)
    assert await consents(access) == before


async def refuse(access: Access) -> None:
    async with access.act(P) as ctx:
        await rights.choose(ctx, "p", "coordination", denied=True)
    async with access.act(SEED) as ctx:
        await jobs.end_what_is_refused.handler(ctx, CoordinationRefused(patient="p"))
    await react(access)


async def test_who_refuses_coordination_is_supported_by_nobody_and_their_request_is_answered(
    territory: None, access: Access
) -> None:
    id = await by_outsider(access)
    await refuse(access)
    assert await state_of(access, id) is State.REFUSED
    assert await news(access, OUTSIDER) == ["Demande d’appui : refusée"]
    with pytest.raises(NotFound):
        await answer(access, LISE, id, State.ACCEPTED)


async def test_a_support_ends_where_the_person_refuses_it(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    await answer(access, LISE, id, State.ACCEPTED)
    async with access.act(SEED) as ctx:
        task = {
            "resourceType": "Task", "id": "call", "status": "requested", "intent": "plan", "for": {"reference": "Patient/p"},
            "owner": {"reference": "Organization/dac"}, "code": {"text": "Appeler"},
        }  # fmt: skip
        await ctx.records.write(task)
    await refuse(access)
    assert await state_of(access, id) is State.CLOSED
    async with access.act(SEED) as ctx:
        (episode,) = await ctx.records.find("EpisodeOfCare", {"patient": "Patient/p"})
        assert (episode["status"], episodes.reason_of(episode)) == ("finished", "refusal")
        assert (await ctx.records.read("Task", "call"))["status"] == "cancelled"


async def test_an_acceptance_that_meets_a_refusal_opens_nothing(territory: None, access: Access) -> None:
    id = await by_outsider(access)
    async with access.act(LISE) as ctx:
        await support.move(ctx, id, State.ACCEPTED)
    async with access.act(P) as ctx:
        await rights.choose(ctx, "p", "coordination", denied=True)
    await react(access)
    assert await state_of(access, id) is State.CLOSED
    async with access.act(SEED) as ctx:
        assert await ctx.records.find("EpisodeOfCare", {"patient": "Patient/p"}) == []
    assert not await sees(access, LISE, "Patient", "p")


async def test_a_refusal_is_heard_at_every_door(territory: None, access: Access) -> None:
    async with access.act(P, door="fhir") as ctx:
        await rights.choose(ctx, "p", "coordination", denied=False)
        assert not any(isinstance(one, CoordinationRefused) for one in ctx.announced)
        await rights.choose(ctx, "p", "sharing", denied=True)
        assert [one.patient for one in ctx.announced if isinstance(one, CoordinationRefused)] == ["p"]
