"""What questionnaires cost: the page of a form of two hundred items, and what an answer to it takes to be saved, computed and shown. `make bench-pathways`

    python -m bench.pathways [--times 60]

One web worker on an embedded database, a professional with a session, one person. The form is the multidimensional assessment of the library (the longest), half answered; an answer is sent as the page's own script sends it.
The reference, in the same run, is `/health`.
"""

import argparse
import asyncio
import re
import tempfile
import time
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import httpx
from bench.reference import Figures, percentile
from bench.rights import doctor, serving

from maillage.access.access import Access
from maillage.access.actors import job_actor
from maillage.clock import SystemClock
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.services.assessment.service import assessments
from maillage.services.assessment.service.library import library

DOCTOR = doctor("bench-gp")
FORMS = (("evaluation-dac", 80, 100), ("aggir", 80, 100))
"""Questionnaires of the library, and the bounds of their page and of an answer in milliseconds."""


async def fill(dsn: str, files: Path) -> tuple[str, dict[str, str]]:
    """One person, and a draft of each form: a session, and the ids of the drafts."""
    async with await Database.open(dsn, size=4) as database:
        access = Access(database, store=Store(), files=LocalFiles(files), clock=SystemClock())
        person = {
            "resourceType": "Patient",
            "id": "bench-person",
            "name": [{"family": "BANC", "given": ["LÉON"]}],
            "gender": "male",
            "birthDate": "1945-02-02",
        }
        async with access.act(job_actor("bench")) as ctx:
            team = {
                "resourceType": "CareTeam",
                "id": "bench-team",
                "status": "active",
                "subject": {"reference": "Patient/bench-person"},
                "participant": [{"member": {"reference": DOCTOR.reference}}],
            }
            await ctx.records.write({"resourceType": "Practitioner", "id": DOCTOR.id, "name": [{"family": "BANC"}]}, person, team)
        drafts = {}
        for slug, _, _ in FORMS:
            async with access.act(DOCTOR) as ctx:
                drafts[slug] = await assessments.begin(
                    ctx, patient="bench-person", url=f"https://maillage.example/Questionnaire/{slug}", key=str(uuid4())
                )
        return await access.sign_in(DOCTOR), drafts


def fields(page: str, *, turn: int) -> dict[str, list[str]]:
    """What the form sends with every second choice answered, by the first or the second of its options in turn."""
    sent = {name: [value] for name, value in re.findall(r'name="(csrf|version|n-q[^"]*)" value="([^"]*)"', page)}
    for at, name in enumerate(dict.fromkeys(re.findall(r'type="radio" name="(q[^"]+)"', page))):
        value = re.findall(rf'name="{re.escape(name)}" id="[^"]+" value="([^"]+)"', page)
        sent[name] = ["", value[turn % 2]] if at % 2 == 0 and len(value) > 1 else [""]
    return sent


async def measure(base: str, session: str, drafts: dict[str, str], figures: Figures, *, times: int) -> None:
    """The rows of each form."""
    async with httpx.AsyncClient(
        base_url=base, cookies={"maillage": session}, headers={"accept": "text/html"}, timeout=30
    ) as client:
        reference = ("/health", percentile(await asked(client, "/health", times), 95))
        for slug, of_page, of_answer in FORMS:
            address = f"/patients/bench-person/evaluations/{drafts[slug]}"
            items = sum(1 for one in library()[f"https://maillage.example/Questionnaire/{slug}"].every())
            page = (await client.get(address)).text
            spans = []
            for turn in range(times):
                sent = fields(page, turn=turn)
                before = time.perf_counter()
                answer = await client.post(address, data={**sent, "recalculer": "1"})
                spans.append((time.perf_counter() - before) * 1_000)
                if answer.status_code != 200 or "Brouillon enregistré" not in answer.text:
                    raise SystemExit(f"{slug}: {answer.status_code} {answer.text[:300]}")
                page = answer.text
            figures.add(
                f"{slug}, {items} items: an answer saved, computed and shown, p95",
                percentile(spans, 95),
                "ms",
                bound=of_answer,
                reference=reference,
            )
            figures.add(
                f"{slug}, {items} items: its page, p95",
                percentile(await asked(client, address, times), 95),
                "ms",
                bound=of_page,
                reference=reference,
            )


async def asked(client: httpx.AsyncClient, path: str, times: int) -> list[float]:
    """Milliseconds of each of so many answers, after five that do not count."""
    spans = []
    for _ in range(times + 5):
        before = time.perf_counter()
        answer = await client.get(path)
        spans.append((time.perf_counter() - before) * 1_000)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code}")
    return spans[5:]


def main() -> int:
    """`python -m bench.pathways [--times N]`"""
    options = argparse.ArgumentParser(prog="make bench-pathways", description=__doc__)
    options.add_argument("--times", type=int, default=60)
    wanted = options.parse_args()
    print(datetime.now().astimezone().isoformat(timespec="minutes"))
    with tempfile.TemporaryDirectory(prefix="mlg-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "data") as server:
            migrate(server.dsn)
            session, drafts = asyncio.run(fill(server.dsn, folder / "files"))
            with serving("maillage.app:application", server.dsn, folder) as base:
                figures = Figures()
                asyncio.run(measure(base, session, drafts, figures, times=wanted.times))
                print(figures.text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
