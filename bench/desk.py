"""Rows of `bench.coordination`: the caseload of a team with 500 people, the summary of a record of 3,000 resources, as the region grows around them."""

import random
import re
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from bench.reference import Figures, percentile
from bench.rights import doctor
from bench.store import FAMILIES, LOINC, new_ids, observation, patient

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.clock import SystemClock
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.services.coordination.resources.task import task_for

Resource = dict[str, Any]

TEAM, FOLLOWED, HELD = "Organization/bench-dac", 500, 3_000
COORDINATOR = Actor(
    id="bench-lise", kind=ActorKind.PROFESSIONAL, name="bench-lise", roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/bench-lise", organizations=(TEAM,),
)  # fmt: skip
DOCTOR = doctor("bench-gp")
AT_ONCE = 5_000


def followed(id: str, number: int, team: str, r: random.Random, now: datetime) -> list[Resource]:
    """Somebody with a circle, an episode, a task that is due and a document that came lately."""
    circle, episode, task, document = new_ids(4, r)
    return [
        {**patient(r, id), "managingOrganization": {"reference": team}},
        {"resourceType": "CareTeam", "id": circle, "status": "active", "subject": {"reference": f"Patient/{id}"}, "participant": [{"member": {"reference": team}}]},
        {"resourceType": "EpisodeOfCare", "id": episode, "status": "active", "patient": {"reference": f"Patient/{id}"},
         "type": [{"coding": [{"system": "urn:maillage:episode", "code": "coordination"}]}],
         "managingOrganization": {"reference": team}, "careManager": {"reference": COORDINATOR.reference}},
        {"id": task, **task_for(
            patient=id, owner=team, code="bench/call", title="Appeler la personne", description="Prendre des nouvelles", focus=f"Encounter/{id}",
            due=now + timedelta(hours=number % 400 - 40), at=now - timedelta(days=2), origin=id)},
        {"resourceType": "DocumentReference", "id": document, "status": "current", "subject": {"reference": f"Patient/{id}"},
         "date": (now - timedelta(hours=number % 96)).isoformat(timespec="seconds"), "description": "Lettre de liaison à la sortie",
         "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]}, "content": [{"attachment": {"contentType": "text/plain", "title": "Lettre"}}]},
    ]  # fmt: skip


def long_record(id: str, r: random.Random, now: datetime) -> list[Resource]:
    """One person of whom 3,000 resources are held: measures for most, then treatments, problems, stays and documents."""
    about = {"reference": f"Patient/{id}"}
    found: list[Resource] = [
        {**patient(r, id), "generalPractitioner": [{"reference": DOCTOR.reference}]},
        {"resourceType": "CareTeam", "status": "active", "subject": about, "participant": [{"member": {"reference": DOCTOR.reference}}]},
    ]  # fmt: skip
    for number in range(HELD - len(found)):
        at = (now - timedelta(hours=7 * number)).isoformat(timespec="seconds")
        made: list[Resource] = [
            {"resourceType": "MedicationStatement", "status": "active" if number < 90 else "stopped", "subject": about, "effectiveDateTime": at,
             "medicationCodeableConcept": {"text": f"{r.choice(FAMILIES)} {r.randrange(1, 50)} mg"}, "dosage": [{"text": "1 le matin"}]},
            {"resourceType": "Condition", "subject": about, "recordedDate": at, "code": {"text": f"{r.choice(FAMILIES)} {number}"}},
            {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": about, "period": {"start": at, "end": at}},
            {"resourceType": "DocumentReference", "status": "current", "subject": about, "date": at, "description": "Compte rendu",
             "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]}, "content": [{"attachment": {"contentType": "text/plain"}}]},
        ]  # fmt: skip
        found.append(
            made[number // 9 % 4] if number % 9 == 0 else {**observation(r, id, LOINC[number % 5]), "effectiveDateTime": at}
        )
    return [{"id": new_ids(1, r)[0], **one} for one in found]


async def settle(dsn: str, files: Path, *, region: int, begun: int) -> dict[str, str]:
    """The region from so many people on to so many, and once the team's people and the long record; tokens of who asks."""
    r, now = random.Random(begun + 11), datetime.now(UTC)
    async with await Database.open(dsn, size=4) as database:
        access = Access(database, store=Store(), files=LocalFiles(files), clock=SystemClock())
        if not begun:
            async with access.act(job_actor("bench")) as ctx:
                own = [one for number, id in enumerate(new_ids(FOLLOWED, r)) for one in followed(id, number, TEAM, r, now)]
                names: list[Resource] = [{"resourceType": "Organization", "id": "bench-dac", "name": "DAC du banc"}]
                names += [
                    {"resourceType": "Practitioner", "id": one, "name": [{"family": one.upper()}]}
                    for one in ("bench-lise", "bench-gp")
                ]
                await ctx.records.load([*names, *own, *long_record("bench-long", r, now)])
        for start in range(begun, region, AT_ONCE):
            ids = new_ids(min(AT_ONCE, region - start), r)
            async with access.act(job_actor("bench")) as ctx:
                await ctx.records.load(
                    [
                        one
                        for number, id in enumerate(ids)
                        for one in followed(id, number, f"Organization/team-{(start + number) // 500}", r, now)
                    ]
                )
        async with database.autocommit() as conn:
            await conn.execute("vacuum analyze")
        return {one.id: await access.issue_token(one, lifetime=timedelta(hours=2)) for one in (COORDINATOR, DOCTOR)}


async def asked(base: str, token: str, path: str, times: int) -> tuple[list[float], str]:
    """Milliseconds of each answer, one after the other, and the last of them."""
    spans: list[float] = []
    async with httpx.AsyncClient(
        base_url=base, headers={"authorization": f"Bearer {token}", "accept": "text/html"}, timeout=60
    ) as client:
        for number in range(times + 5):
            began = time.perf_counter()
            answer = (await client.get(path)).raise_for_status()
            if number >= 5:
                spans.append((time.perf_counter() - began) * 1000)
    return spans, answer.text


async def pages(
    base: str, tokens: dict[str, str], figures: Figures, *, region: int, times: int, before: dict[str, float]
) -> dict[str, float]:
    """The caseload and the summary with so many people in the region; p50 of each, held against those `before`."""
    empty, _ = await asked(base, tokens[DOCTOR.id], "/health", times)
    reference = ("/health", statistics.median(empty))
    medians = {}
    for name, path, actor, bound, expected in (
        ("caseload of 500", "/file-active", COORDINATOR, 120, rf"{FOLLOWED}\W{{0,8}}personnes suivies"),
        ("summary of a record of 3,000", "/patients/bench-long", DOCTOR, 100, "En un coup d"),
    ):
        spans, text = await asked(base, tokens[actor.id], path, times)
        if not re.search(expected, re.sub(r"<[^>]+>", " ", text)):
            raise SystemExit(f"{path} does not say {expected!r}: {re.findall(r'.{30}personne.{30}', text)[:3]}")
        figures.add(f"{name}, region of {region:,}: p95", percentile(spans, 95), "ms", bound=bound, reference=reference)
        medians[name] = statistics.median(spans)
        if name in before:
            figures.add(
                f"{name}, region of {region:,}: p50",
                medians[name],
                "ms",
                bound=1.3 * before[name],
                reference=("the smaller region", before[name]),
            )
    return medians
