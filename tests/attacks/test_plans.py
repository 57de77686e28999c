"""What is said about a plan is said by who says it: nobody agrees for the person, in the plan of somebody else, or takes a word away."""

from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.errors import Conflict, Forbidden, MaillageError, Unprocessable
from maillage.services.coordination.resources.position import new_position, position_from
from maillage.services.coordination.tests.test_coordination_plan import GP, LISE, started, territory, visit
from tests.support.people import NOON, SEED, care_team, carer, sees
from tests.support.people import patient as person

__all__ = ["territory", "visit"]
DOMINIQUE, CLAUDE, OTHER = person("p"), carer("claude"), person("other")


@pytest.fixture
async def plan(territory: Access, visit: Any) -> str:
    """The id of the plan of Dominique, whose husband reads all of their record; somebody else has the same GP."""
    await started(await visit(LISE))
    async with territory.act(SEED) as ctx:
        claude = await ctx.records.read("RelatedPerson", "claude")
        await ctx.records.write(claude | {"active": True, **sees("whole")})
        await ctx.records.write({"resourceType": "Patient", "id": "other"}, care_team("other", "Practitioner/gp"))
        (found,) = await ctx.records.find("CarePlan")
    return str(found["id"])


async def says(access: Access, by: Actor, plan: str, *, kind: str, patient: str = "p", **more: Any) -> dict[str, Any]:
    """What this actor writes about the plan by FHIR."""
    said = new_position(
        plan=plan, number=0, patient=patient, kind=kind, words="Je le dis", sender=by.reference, sender_name=by.name, at=NOON,
        key=f"{by.id}-{kind}-{len(more)}", **more,
    )  # fmt: skip
    async with access.act(by, door="fhir") as ctx:
        written: dict[str, Any] = await ctx.records.write(said)
    return written


async def test_each_says_by_fhir_what_they_may_say_on_the_page(territory: Access, plan: str) -> None:
    own = await says(territory, DOMINIQUE, plan, kind="agreed", medium="ELECTRONIC")
    assert position_from(own).of == "Patient/p"
    await says(territory, GP, plan, kind="contested")
    collected = await says(territory, LISE, plan, kind="agreed", of="Patient/p", medium="FACE")
    assert position_from(collected).by == "Practitioner/lise"


GUARDIAN = {"coding": [{"system": "urn:maillage:legal-protection", "code": "tutelle"}]}
CURATOR = {"coding": [{"system": "urn:maillage:legal-protection", "code": "curatelle"}]}


async def test_only_who_represents_the_person_agrees_for_them_with_the_act_that_says_so(territory: Access, plan: str) -> None:
    def document(id: str, person: str) -> dict[str, Any]:
        return {
            "resourceType": "DocumentReference", "id": id, "status": "current", "subject": {"reference": f"Patient/{person}"},
            "type": {"text": "Jugement"}, "content": [{"attachment": {"contentType": "text/plain", "title": "x", "data": "eA=="}}],
        }  # fmt: skip

    def related(id: str, relation: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "RelatedPerson", "id": id, "active": True, "patient": {"reference": "Patient/p"}, "name": [{"text": id}],
            "relationship": [relation], **more,
        }  # fmt: skip

    async with territory.act(SEED) as ctx:
        await ctx.records.write(
            document("act", "p"), document("foreign", "other"), related("tutor", GUARDIAN), related("curator", CURATOR),
            related("ended", GUARDIAN, period={"end": "2026-11-01"}), related("gone", GUARDIAN, active=False),
            {**related("theirs", GUARDIAN), "patient": {"reference": "Patient/other"}},
        )  # fmt: skip
    said: dict[str, Any] = {"kind": "agreed", "medium": "WRITTEN", "of_name": "X", "proof": "DocumentReference/act"}
    written = await says(territory, GP, plan, of="RelatedPerson/tutor", **said)
    assert position_from(written).of == "RelatedPerson/tutor"
    for who in ("curator", "ended", "gone", "theirs", "claude"):
        with pytest.raises(Unprocessable):
            await says(territory, GP, plan, of=f"RelatedPerson/{who}", **said)
    for proof in ("", "DocumentReference/foreign", "DocumentReference/none"):
        with pytest.raises(Unprocessable):
            await says(territory, GP, plan, of="RelatedPerson/tutor", **(said | {"proof": proof}))
    with pytest.raises(Unprocessable):
        await says(territory, GP, plan, of="Patient/p", **(said | {"proof": "DocumentReference/foreign"}))
    await says(territory, GP, plan, of="RelatedPerson/curator", **(said | {"kind": "contested"}))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (CLAUDE, {"kind": "agreed", "of": "Patient/p", "medium": "ELECTRONIC"}),
        (CLAUDE, {"kind": "contested"}),
        (DOMINIQUE, {"kind": "contested", "of": "RelatedPerson/claude"}),
        (DOMINIQUE, {"kind": "settled"}),
        (GP, {"kind": "agreed", "of": "Patient/p", "medium": "ELECTRONIC"}),
        (GP, {"kind": "agreed", "of": "Patient/p"}),
        (GP, {"kind": "agreed", "of": "Patient/other", "medium": "FACE"}),
        (GP, {"kind": "agreed", "of": "Practitioner/lise", "medium": "FACE"}),
    ],
)
async def test_nobody_speaks_for_another(territory: Access, plan: str, by: Actor, said: dict[str, Any]) -> None:
    with pytest.raises((Forbidden, Unprocessable)):
        await says(territory, by, plan, **said)


@pytest.mark.parametrize("by", [OTHER, GP])
async def test_nobody_speaks_of_the_plan_of_another_person(territory: Access, plan: str, by: Actor) -> None:
    """It would show there to whoever follows both."""
    with pytest.raises(Unprocessable):
        await says(territory, by, plan, kind="contested", patient="other")


@pytest.mark.parametrize(("scope", "reads"), [("agenda", False), ("follow", True), ("whole", True)])
async def test_who_is_not_let_see_the_plan_is_not_told_what_is_said_of_it(
    territory: Access, plan: str, scope: str, reads: bool
) -> None:
    await says(territory, DOMINIQUE, plan, kind="contested")
    async with territory.act(SEED) as ctx:
        claude = await ctx.records.read("RelatedPerson", "claude")
        await ctx.records.write({name: value for name, value in claude.items() if name != "extension"} | sees(scope))
        about = {"subject": {"reference": "Patient/p"}, "status": "completed", "payload": [{"contentString": "Avis"}]}
        for code in ("meeting", "opinion"):
            category = [{"coding": [{"system": "urn:maillage:communication", "code": code}]}]
            await ctx.records.write({"resourceType": "Communication", "category": category, **about})
        await ctx.records.write({"resourceType": "Communication", "id": "to-all", **about})
    for actor, seen in ((GP, 4), (DOMINIQUE, 4), (CLAUDE, 4 if reads else 1)):
        async with territory.act(actor, read_only=True) as ctx:
            found = await ctx.records.find("Communication", {"patient": "Patient/p"})
            assert bool(await ctx.records.find("CarePlan", {"patient": "Patient/p"})) is (actor is not CLAUDE or reads)
        assert len(found) == seen, actor.name


@pytest.mark.parametrize("change", ["words", "kind", "plan", "delete"])
async def test_what_was_said_stays_as_it_was_said(territory: Access, plan: str, change: str) -> None:
    said = await says(territory, GP, plan, kind="contested")
    changed = {
        "words": {"payload": [{"contentString": "Je suis d’accord"}]},
        "kind": {"topic": {**said["topic"], "coding": [{**said["topic"]["coding"][0], "code": "agreed"}]}},
        "plan": {"category": [{"text": "Autre chose"}]},
    }
    refused: MaillageError | None = None
    try:
        async with territory.act(GP, door="fhir") as ctx:
            if change == "delete":
                await ctx.records.delete("Communication", said["id"])
            else:
                await ctx.records.write(said | changed[change])
    except MaillageError as fault:
        refused = fault
    assert isinstance(refused, Conflict)
    async with territory.act(GP, door="fhir") as ctx:  # written by mistake: it leaves the page, and is in the history
        await ctx.records.write(said | {"status": "entered-in-error"})
