"""What a letter at discharge asks to change in the treatments: a line each, answered by a doctor of the circle, at every door, once; seen by who reads treatments."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.db import count_statements
from maillage.errors import Forbidden
from maillage.services.coordination import jobs, pages
from maillage.services.coordination.rules.letter import ADDED, DOSE, STOPPED, proposed
from maillage.services.documents import public as documents
from maillage.services.documents.public import LetterTreatment
from maillage.services.documents.resources import cda, treatments
from tests.support.browser import screen
from tests.support.people import SEED

from .test_coordination_plan import GP, LISE, NURSE, STRANGER, Visit, all_of, send, shown, started, territory, visit
from .test_coordination_plan_document import returned

__all__ = ["territory", "visit"]
STATEMENTS = 22  # of the page of a plan that a letter with treatments moves
LETTER = "cda/selection/LDL-SES_2022.01.xml"
SOCIAL = Actor(
    id="psc:marc", kind=ActorKind.PROFESSIONAL, name="Marc CROQUIS", roles=frozenset({Role.SOCIAL_WORKER}),
    reference="Practitioner/marc", organizations=("Organization/dac",),
)  # fmt: skip


def treatment(name: str, dose: str, *, status: str = "active", kind: str = "MedicationStatement", **more: Any) -> dict[str, Any]:
    how = "dosage" if kind == "MedicationStatement" else "dosageInstruction"
    intent = {} if kind == "MedicationStatement" else {"intent": "order"}
    return {"resourceType": kind, "status": status, "medicationCodeableConcept": {"text": name}, "subject": {"reference": "Patient/p"},
            how: [{"text": dose}], **intent, **more}  # fmt: skip


def asked(name: str, dose: str = "", *codes: tuple[str, str], end: str = "", stopped: bool = False) -> LetterTreatment:
    return LetterTreatment(name, frozenset(codes), dose, "", end, stopped)


def test_a_letter_adds_stops_and_changes_and_says_nothing_by_silence() -> None:
    held = [
        treatment("Metformine 1 g", "1 comprimé matin et soir"),
        treatment("Bisoprolol 2,5 mg", "1 comprimé le matin"),
        treatment("Furosémide 40 mg", "1 comprimé le matin"),
        treatment("Atorvastatine 20 mg", "1 comprimé le soir"),
    ]
    letter = [
        asked("METFORMINE 1 g", stopped=True),
        asked("BISOPROLOL 5 mg", "1 comprimé, 1 fois par jour"),
        asked("FUROSEMIDE 40 mg", "1 comprimé, 1 fois par jour"),
        asked("AMOXICILLINE 1 g", "1 comprimé, 3 fois par jour", end="2026-12-04"),
        asked("CEFTRIAXONE 1 g", end="2026-11-20"),
        asked("SOLIAN 100 mg", stopped=True),
    ]
    found = proposed("DocumentReference/l", letter, held, today="2026-11-23")
    assert [(one.kind, one.asked.name) for one in found] == [
        (STOPPED, "METFORMINE 1 g"), (DOSE, "BISOPROLOL 5 mg"), (ADDED, "AMOXICILLINE 1 g"),
    ]  # fmt: skip
    assert len({one.key for one in found}) == 3


@pytest.mark.parametrize(
    ("said", "stands", "changes"),
    [
        ("2 comprimés, 1 fois par jour", "1 comprimé le matin", True),
        ("1 comprimé, 2 fois par jour", "1 comprimé le matin", True),
        ("1 comprimé, 2 fois par jour", "1 comprimé matin et soir", False),
        ("1 comprimé, 1 fois par jour", "selon le relevé", False),
        ("", "1 comprimé le matin", False),
    ],
)
def test_only_what_both_say_in_figures_is_another_dose(said: str, stands: str, changes: bool) -> None:
    found = proposed(
        "DocumentReference/l", [asked("Ramipril 5 mg", said)], [treatment("ramipril 5 mg", stands)], today="2026-11-23"
    )
    assert bool(found) is changes


def test_a_code_that_both_have_is_the_same_drug_and_a_restart_is_no_stop() -> None:
    coded = treatment("Clozapine", "1 comprimé") | {
        "medicationCodeableConcept": {"text": "Clozapine", "coding": [{"system": "http://www.whocc.no/atc", "code": "N05AH02"}]}
    }
    letter = [asked("LEPONEX 100 mg", "1 comprimé", ("2.16.840.1.113883.6.73", "N05AH02"))]
    assert proposed("DocumentReference/l", letter, [coded], today="2026-11-23") == []
    again = [asked("LEPONEX 100 mg", stopped=True), *letter]
    assert [one.kind for one in proposed("DocumentReference/l", again, [], today="2026-11-23")] == [ADDED]


def test_a_letter_read_anew_says_the_same_and_other_sections_say_nothing(shared_data: Path) -> None:
    content = (shared_data / "cda/selection/LDL-EES_2022.01.xml").read_bytes()
    assert treatments.treatments(cda.parse(content)) == []
    (stopped, leaving) = treatments.treatments(cda.parse((shared_data / LETTER).read_bytes()))
    assert (stopped.name, stopped.stopped, stopped.end) == ("SOLIAN 100 mg", True, "2019-10-29")
    assert (leaving.name, leaving.stopped, leaving.dose) == ("LEPONEX 100 mg", False, "1 comprimé, 1 fois par jour")


def test_a_letter_without_measure_is_read_in_time(shared_data: Path) -> None:
    content = (shared_data / LETTER).read_bytes()
    entry = content[
        content.index(b"<entry", content.index(b"MED-002")) : content.index(b"</entry>", content.index(b"LEPONEX 100 mg</name>"))
        + 8
    ]
    endless = entry.replace(b"LEPONEX 100 mg</name>", b"9" * 20_000 + b"</name>")
    assert endless != entry
    letter = treatments.treatments(cda.parse(content.replace(entry, entry * 300 + endless)))
    assert len(letter) == treatments.MOST
    long = [asked("9" * 200_000, "9" * 200_000)]
    began = time.process_time()
    assert (
        len(proposed("DocumentReference/l", [*letter, *long], [treatment("9" * 200_000, "8" * 200_000)] * 50, today="2026-11-23"))
        >= 1
    )
    assert time.process_time() - began < 5


async def letter_came(access: Access, shared: Path) -> str:
    """The official letter at discharge, of a treatment that lasts, moves the plan of somebody who takes what it stopped."""
    content = (shared / LETTER).read_bytes().replace(b'"20200202"', b'"20270202"')
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            treatment("Solian 100 mg", "1 comprimé le matin"), treatment("Ramipril 5 mg", "1 comprimé le soir")
        )
        came = await documents.receive(ctx, content, origin=documents.Origin(door="fhir", subject="Patient/p"))
    async with access.act(SEED) as ctx:
        await jobs.review_after_return(ctx, returned(f"DocumentReference/{came.document}"))
    return str(came.document)


def answers(page: str) -> list[str]:
    """The forms by which a page lets a doctor answer."""
    return re.findall(r'action="[^"]*/lettre">(.*?)</form>', page, re.DOTALL)


def lines(page: str) -> list[dict[str, str]]:
    """The changes that a page lets a doctor confirm."""
    return [dict(re.findall(r'name="(quoi|version)" value="(\w+)"', one)) for one in answers(page) if 'value="oui"' in one]


async def treatments_now(access: Access) -> dict[str, str]:
    return {one["medicationCodeableConcept"]["text"]: one["status"] for one in await all_of(access, "MedicationStatement")}


async def test_a_doctor_of_the_circle_confirms_one_change_and_refuses_the_other(
    territory: Access, visit: Visit, shared_data: Path
) -> None:
    gp, nora = await visit(GP), await visit(NURSE)
    await started(gp)
    letter = await letter_came(territory, shared_data)
    before = await treatments_now(territory)
    seen = await shown(nora)
    assert "2 changements proposés" in seen
    assert "Arrêter : SOLIAN 100 mg" in seen
    assert "Au dossier : Solian 100 mg, 1 comprimé le matin" in seen
    assert lines(seen) == []
    with count_statements() as counted:
        page = await shown(gp)
    assert counted.statements <= STATEMENTS
    assert before == await treatments_now(territory) == {"Solian 100 mg": "active", "Ramipril 5 mg": "active"}
    stop, add = lines(page)
    assert [(dict(re.findall(r'name="(reponse|raison)" value="(\w*)"', one)), one.count("<button")) for one in answers(page)] == [
        ({"reponse": "oui"}, 1),
        ({"reponse": "non", "raison": ""}, 1),
    ] * 2, "Enter after the reason of a refusal sends what confirms"
    assert (await send(nora, "/lettre", **stop, reponse="oui")).status_code == 403
    assert (await send(gp, "/lettre", **stop)).status_code == 422
    for _ in range(2):
        assert (await send(gp, "/lettre", **stop, reponse="oui")).headers["location"].endswith("?fait=lettre")
    assert (await send(gp, "/lettre", **add, reponse="non", raison="Déjà sous olanzapine")).status_code == 303
    assert await treatments_now(territory) == {
        "Solian 100 mg": "stopped",
        "Ramipril 5 mg": "active",
        "LEPONEX 100 mg": "not-taken",
    }
    named = [one for one in await all_of(territory, "MedicationStatement") if one.get("derivedFrom")]
    assert {one["derivedFrom"][0]["reference"] for one in named} == {f"DocumentReference/{letter}"}
    assert {one["informationSource"]["reference"] for one in named} == {"Practitioner/gp"}
    assert {one["meta"]["versionId"] for one in named} == {"1", "2"}
    assert "changements proposés" not in await shown(gp)
    told = (await shown(nora, "/patients/p")).replace("\xa0", " ")
    assert re.search(r"Traitement non pris( |&nbsp;): LEPONEX 100 mg", told)
    assert "Traitement : LEPONEX" not in told
    opposite = await send(gp, "/lettre", **stop, reponse="non")
    assert (opposite.status_code, "déjà répondu autrement" in opposite.text) == (409, True)
    async with territory.act(GP, read_only=True) as ctx:
        assert b"SOLIAN" in await documents.original(ctx, letter)


async def test_two_doctors_at_once_write_one_treatment_and_who_read_another_version_is_told(
    territory: Access, visit: Visit, shared_data: Path
) -> None:
    gp = await visit(GP)
    await started(gp)
    await letter_came(territory, shared_data)
    stop, add = lines(await shown(gp))
    codes = [one.status_code for one in await asyncio.gather(*(send(gp, "/lettre", **add, reponse="oui") for _ in range(3)))]
    assert codes == [303, 303, 303]
    assert (
        sum(
            one["medicationCodeableConcept"]["text"] == "LEPONEX 100 mg" for one in await all_of(territory, "MedicationStatement")
        )
        == 1
    )
    other = await send(gp, "/lettre", **add, reponse="non")
    assert (other.status_code, "déjà répondu autrement" in other.text) == (409, True)
    async with territory.act(SEED) as ctx:
        (held,) = [
            one
            for one in await ctx.records.find("MedicationStatement")
            if one["medicationCodeableConcept"]["text"] == "Solian 100 mg"
        ]
        await ctx.records.write(held | {"dosage": [{"text": "2 comprimés le soir"}]})
    late = await send(gp, "/lettre", **stop, reponse="oui")
    assert (late.status_code, "2 comprimés le soir" in late.text) == (409, True)
    assert (await treatments_now(territory))["Solian 100 mg"] == "active"


async def test_what_a_doctor_writes_by_fhir_is_the_same_answer_and_nobody_else_gives_it(
    territory: Access, visit: Visit, shared_data: Path
) -> None:
    nora = await visit(NURSE)
    gp = await visit(GP)
    await started(gp)
    letter = await letter_came(territory, shared_data)
    cites = {"derivedFrom": [{"reference": f"DocumentReference/{letter}"}]}
    async with territory.act(NURSE) as ctx:
        await ctx.records.write(treatment("Paracétamol 1 g", "si douleur"))
    for who in (NURSE, LISE):
        with pytest.raises(Forbidden):
            async with territory.act(who) as ctx:
                await ctx.records.write(treatment("LEPONEX 100 mg", "1 comprimé, 1 fois par jour", **cites))
    assert "2 changements proposés" in await shown(nora)
    async with territory.act(GP) as ctx:
        await ctx.records.write(treatment("LEPONEX 100 mg", "1 comprimé, 1 fois par jour", **cites))
    page = await shown(nora)
    assert "1 changement proposé" in page
    assert "LEPONEX" not in page


async def test_who_reads_no_treatment_sees_nothing_of_it_and_a_nurse_asks_the_doctor_once(
    territory: Access, visit: Visit, shared_data: Path
) -> None:
    gp, nora, social, stranger = [await visit(one) for one in (GP, NURSE, SOCIAL, STRANGER)]
    await started(gp)
    letter = await letter_came(territory, shared_data)
    assert "Solian" in await shown(nora)
    answer = await social.get("/patients/p/plan")
    assert answer.status_code == 200
    for word in ("olian", "OLIAN", "LEPONEX", "changements proposés"):
        assert word not in answer.text
    assert (await stranger.get("/patients/p/plan")).status_code in (403, 404)
    for _ in range(2):
        sent = await send(nora, "/demander", quoi=letter, qui="Practitioner/gp")
        assert sent.headers["location"].endswith("?fait=demande")
    tasks = [one for one in await all_of(territory, "Task") if one.get("owner", {}).get("reference") == "Practitioner/gp"]
    assert [one["code"]["text"] for one in tasks] == ["Répondre à la lettre de sortie"]
    assert "LEPONEX" not in str(tasks)
    assert "Répondre à la lettre de sortie" in await shown(gp, "/taches")


async def test_the_changes_are_read_on_a_telephone(
    territory: Access, visit: Visit, shared_data: Path, browser: Browser, application: Any, signed_in: Any
) -> None:
    await started(await visit(GP), "frailty-at-home")
    await letter_came(territory, shared_data)
    window = await screen(browser, app=application(pages), headers=await signed_in(GP))
    await window.open("/patients/p/plan")
    await window.check("plan-lettre")
