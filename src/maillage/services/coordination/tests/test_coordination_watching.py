"""What makes itself known: a measure out of what is wanted for somebody, a plan that nobody reviewed; once, at every door, until somebody takes it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.clock import FixedClock
from maillage.services.coordination import jobs, pages
from maillage.services.coordination.events import AlertRaised, MeasureTaken
from maillage.services.coordination.resources.alert import alert_from
from maillage.services.coordination.service import alerts
from tests.support.followed import ABOUT, GP, LISE, NURSE
from tests.support.pages import client_of
from tests.support.people import NOON, SEED

WEIGHT = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
GOAL = {
    "resourceType": "Goal", "id": "wanted", "lifecycleStatus": "active", **ABOUT, "description": {"text": "Poids stable"}, "startDate": "2026-11-01",
    "expressedBy": {"reference": "Practitioner/gp"}, "target": [{"measure": WEIGHT, "detailRange": {"low": {"value": 70, "unit": "kg"}, "high": {"value": Decimal("78.5"), "unit": "kg"}}}],
}  # fmt: skip


def weight(value: float, *, days: int = 0, **more: Any) -> dict[str, Any]:
    at = (NOON - timedelta(days=days)).isoformat()
    quantity = {"value": Decimal(str(value)), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": WEIGHT,
        **ABOUT,
        "effectiveDateTime": at,
        "valueQuantity": quantity,
        **more,
    }


async def wrote(access: Access, *resources: dict[str, Any], twice: bool = True) -> int:
    """Writes as a software does, and runs what follows, twice; how many measures were announced."""
    async with access.act(NURSE, door="fhir") as ctx:
        await ctx.records.write(*resources)
        announced = list(ctx.announced)
    for event in [one for one in announced if isinstance(one, MeasureTaken)] * (2 if twice else 1):
        async with access.act(SEED) as ctx:
            await jobs.look_at_the_measure.handler(ctx, event)
            raised = [one for one in ctx.announced if isinstance(one, AlertRaised)]
        for one in raised:
            async with access.act(SEED) as ctx:
                await jobs.put_the_alert_before_somebody.handler(ctx, one)
    return sum(isinstance(one, MeasureTaken) for one in announced)


async def flags(access: Access) -> list[dict[str, Any]]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find("Flag", {"patient": "Patient/p"})


@pytest.fixture
async def bounds(followed: None, access: Access) -> None:
    async with access.act(GP) as ctx:
        await ctx.records.write(GOAL)


async def test_a_measure_of_another_software_is_one_alert_until_it_is_dealt_with(bounds: None, access: Access) -> None:
    await wrote(access, weight(78))
    assert await flags(access) == []
    await wrote(access, weight(79.3))
    await wrote(access, weight(79.6))
    [flag] = await flags(access)
    alert = alert_from(flag, None)
    assert alert.title == "Poids 79,3 kg, seuil 78,5"
    assert alert.why.threshold == "Seuils fixés par Dr Camille EXEMPLE"
    async with access.act(GP) as ctx:
        await alerts.close(ctx, flag=flag["id"], words="Diurétique augmenté")
    await wrote(access, weight(80))
    await wrote(access, weight(69))
    titles = {alert_from(one, None).title for one in await flags(access) if one["status"] == "active"}
    assert titles == {"Poids 80 kg, seuil 78,5", "Poids 69 kg, seuil 70"}
    async with access.act(GP) as ctx:
        for one in await flags(access):
            if one["status"] == "active":
                await alerts.close(ctx, flag=one["id"], words="Vu")
    await wrote(access, weight(81))
    assert [alert_from(one, None).title for one in await flags(access) if one["status"] == "active"] == [
        "Poids 81 kg, seuil 78,5"
    ]


async def test_an_alert_says_the_day_of_a_measure_as_it_was_in_france(bounds: None, access: Access) -> None:
    await wrote(access, weight(79.3) | {"effectiveDateTime": "2026-11-22T23:30:00Z"})
    [flag] = await flags(access)
    assert alert_from(flag, None).why.data.split() == ["79,3", "kg", "le", "23", "nov.", "2026"]


async def test_one_that_was_dealt_with_is_not_raised_again_by_the_same_measure(bounds: None, access: Access) -> None:
    await wrote(access, weight(79.3, id="heavy"))
    [flag] = await flags(access)
    async with access.act(GP) as ctx:
        await alerts.close(ctx, flag=flag["id"], words="Vu")
    await wrote(access, weight(79.3, id="heavy", note=[{"text": "chaussé"}]))
    assert [one["status"] for one in await flags(access)] == ["inactive"]


async def test_history_errors_and_what_is_wanted_by_nobody_wake_nobody(followed: None, access: Access) -> None:
    assert await wrote(access, weight(150)) == 1
    assert await flags(access) == []
    async with access.act(GP) as ctx:
        await ctx.records.write(GOAL)
    assert (
        await wrote(
            access,
            weight(90, days=10),
            weight(90, status="entered-in-error"),
            {**weight(1), "valueQuantity": {"value": 1, "unit": "lb"}},
        )
        == 0
    )
    assert await flags(access) == []
    assert await wrote(access, weight(90)) == 1
    assert len(await flags(access)) == 1


async def test_a_measure_that_says_its_own_limits_is_held_to_them(followed: None, access: Access) -> None:
    limits = [{"low": {"value": 60, "unit": "kg"}, "high": {"value": 75, "unit": "kg"}}]
    await wrote(access, weight(74, referenceRange=limits))
    assert await flags(access) == []
    await wrote(access, weight(76, referenceRange=limits))
    [flag] = await flags(access)
    assert alert_from(flag, None).why.threshold == "Limites données avec la mesure"


async def test_nobody_takes_it_and_the_next_is_told(bounds: None, access: Access, clock: FixedClock) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({
            "resourceType": "EpisodeOfCare", "id": "ep", "status": "active", "patient": {"reference": "Patient/p"},
            "type": [{"coding": [{"system": "urn:maillage:episode", "code": "coordination"}]}], "managingOrganization": {"reference": "Organization/dac"},
            "careManager": {"reference": "Practitioner/lise"}, "period": {"start": "2026-01-01"},
        }, {"resourceType": "Organization", "id": "dac", "name": "Équipe"})  # fmt: skip
    await wrote(access, weight(79.3))
    [flag] = await flags(access)
    async with access.act(SEED) as ctx:
        [task] = await ctx.records.find("Task", {"focus": f"Flag/{flag['id']}"})
        assert task["owner"]["reference"] == "Practitioner/gp"
    clock.advance(timedelta(hours=4, minutes=1))
    async with access.act(SEED) as ctx:
        await jobs.tell_the_next.handler(ctx)
    async with access.act(SEED) as ctx:
        [task] = await ctx.records.find("Task", {"focus": f"Flag/{flag['id']}"})
        assert task["owner"]["reference"] == "Practitioner/lise"


async def test_a_plan_that_nobody_reviewed_is_one_alert_for_its_day(followed: None, access: Access) -> None:
    plan = {
        "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan", **ABOUT, "category": [{"coding": [{"system": "urn:maillage:plan", "code": "ppcs"}]}],
        "period": {"start": "2026-05-01", "end": (NOON + timedelta(days=2)).date().isoformat()}, "author": {"reference": "Practitioner/lise"},
    }  # fmt: skip

    async def day_of_review(day: str) -> list[str]:
        async with access.act(SEED) as ctx:
            await ctx.records.write({**plan, "period": {"start": "2026-05-01", "end": day}})
        for _ in range(2):
            async with access.act(SEED) as ctx:
                await jobs.remind_of_reviews.handler(ctx)
        return [alert_from(one, None).why.data for one in await flags(access)]

    assert await day_of_review((NOON + timedelta(days=2)).date().isoformat()) == []
    assert await day_of_review("2026-11-20") == ["À revoir le 20/11/2026"]
    [flag] = await flags(access)
    async with access.act(SEED) as ctx:
        await jobs.put_the_alert_before_somebody.handler(ctx, AlertRaised(flag=flag["id"]))
    async with access.act(SEED) as ctx:
        await ctx.records.write({**flag, "status": "inactive"})
    assert await day_of_review("2026-11-20") == ["À revoir le 20/11/2026"]
    assert sorted(await day_of_review("2026-11-22")) == ["À revoir le 20/11/2026", "À revoir le 22/11/2026"]


async def test_the_alert_is_before_whom_it_concerns_with_why(bounds: None, access: Access, application: Any) -> None:
    await wrote(access, weight(79.3))
    page = (await (await client_of(application(pages), access, GP)).get("/alertes")).text
    assert "Poids 79,3\u00a0kg" in page or "Poids 79,3 kg" in page
    assert "Seuils fixés par Dr Camille EXEMPLE" in page
    assert "Poids 79,3" not in (await (await client_of(application(pages), access, LISE)).get("/alertes")).text
