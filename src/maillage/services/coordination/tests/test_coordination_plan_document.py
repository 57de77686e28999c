"""A published plan is a document: it says what the page says, replaces the one before, is read by our own reader and holds to the national schematrons."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from maillage.access.access import Access
from maillage.clock import FixedClock
from maillage.db import count_statements
from maillage.fhir.national import FINESS
from maillage.services.coordination import jobs
from maillage.services.coordination.events import PlanContested, PlanPublished
from maillage.services.coordination.resources import plan_cda
from maillage.services.coordination.service import plan_publishing, plans
from maillage.services.documents import public as documents
from maillage.services.documents.resources import cda
from maillage.services.identity import public as identity
from maillage.services.pathways.events import ActionDue
from tests.support.people import NOON, SEED
from tests.support.people import patient as person

from .test_coordination_plan import GP, LISE, Visit, all_of, only, send, shown, started, territory, visit

STATEMENTS_OF_A_COMPARISON = 14

__all__ = ["territory", "visit"]


async def filled(client: AsyncClient, access: Access) -> dict[str, Any]:
    """A plan with a goal, an action of the nurse, one of nobody, words of the person and a disagreement."""
    await started(client)
    await send(client, "/paroles", paroles="Remarcher jusqu’au jardin & <dormir>")
    version = (await only(access, "CarePlan"))["meta"]["versionId"]
    await send(
        client,
        "/synthese",
        synthese="Seule depuis l’été",
        alerte="Appeler le 06 39 98 00 02",
        revue="2027-02-01",
        version=version,
    )
    await send(client, "/objectifs", objectif="Fermer la plaie", critere="Sous 1 cm²", echeance="2027-01-15")
    goals = await all_of(access, "Goal")
    goal = next(one["id"] for one in goals if one["description"]["text"] == "Fermer la plaie")
    await send(client, "/actions", action="Pansement", comment="un jour sur deux", qui="Practitioner/nora", but=f"Goal/{goal}")
    await send(client, "/actions", action="Semelle de décharge", but=f"Goal/{goal}", echeance="2026-12-20")
    await send(client, "/desaccord", desaccord="Trop de passages")
    return await only(access, "CarePlan")


async def publish(client: AsyncClient, access: Access) -> None:
    """Publishes as the page does, then as the worker does."""
    plan = await only(access, "CarePlan")
    assert (await send(client, "/publier", version=plan["meta"]["versionId"])).status_code == 303
    number = number_of(await only(access, "CarePlan"))
    async with access.act(SEED) as ctx:
        await jobs.publish_the_plan(ctx, PlanPublished(plan=plan["id"], patient="p", number=number, author="Practitioner/lise"))


def number_of(plan: dict[str, Any]) -> int:
    return int(plan["extension"][0]["valuePositiveInt"])


async def test_a_published_plan_is_a_document_that_the_circle_and_the_person_read(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await filled(lise, territory)
    await publish(lise, territory)
    async with territory.act(person("p"), read_only=True) as ctx:
        listed = await documents.documents_of(ctx, "p")
        preview = await documents.preview(ctx, listed.documents[0].id, level=2)
        original = await documents.original(ctx, listed.documents[0].id)
    assert [one.title for one in listed.documents] == ["Plan personnalisé de coordination en santé, version 1"]
    assert listed.documents[0].type_code == "18776-5"
    told = str(preview)
    for words in (
        "Remarcher jusqu’au jardin &amp; &lt;dormir&gt;",
        "Fermer la plaie",
        "Pansement",
        "Nora FICTIVE",
        "À pourvoir",
        "Trop de passages",
        "01/02/2027",
    ):
        assert words in told, words
    assert [cda.plain(one.find("h:title", cda.NS)) for one in cda.sections(cda.parse(original))][:2] == [
        "Ce qui compte pour la personne", "Situation et problèmes",
    ]  # fmt: skip


async def test_a_new_version_replaces_the_one_before(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await filled(lise, territory)
    await publish(lise, territory)
    await send(lise, "/objectifs", objectif="Dormir mieux")
    await publish(lise, territory)
    found = sorted(await all_of(territory, "DocumentReference"), key=lambda one: one["status"])
    assert [one["status"] for one in found] == ["current", "superseded"]
    assert found[0]["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{found[1]['id']}"
    assert "Version 2" in await shown(lise)


async def test_a_plan_that_went_to_another_team_replaces_the_one_of_the_team_before(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    async with territory.act(SEED) as ctx:
        numbers = {"dac": "130000001", "next": "750000002"}
        known = await ctx.records.read("Organization", "dac")
        others = {name: value for name, value in known.items() if name != "meta"}
        for id, number in numbers.items():
            stands = known if id == "dac" else others
            await ctx.records.write({**stands, "id": id, "identifier": [{"system": FINESS, "value": number}]})
    await filled(lise, territory)
    await publish(lise, territory)
    async with territory.act(SEED) as ctx:
        [team] = await ctx.records.find("CareTeam", {"patient": "Patient/p"})
        members = [one for one in team["participant"] if one["member"]["reference"] != "Organization/dac"]
        await ctx.records.write({**team, "participant": [{"member": {"reference": "Organization/next"}}, *members]})
    await send(lise, "/objectifs", objectif="Dormir mieux")
    await publish(lise, territory)
    found = sorted(await all_of(territory, "DocumentReference"), key=lambda one: one["status"])
    assert [one["status"] for one in found] == ["current", "superseded"]
    assert [one["custodian"]["reference"] for one in found] == ["Organization/next", "Organization/dac"]


async def test_who_reads_an_older_plan_does_not_publish_what_they_did_not_see(territory: Access, visit: Visit) -> None:
    lise, gp = await visit(LISE), await visit(GP)
    plan = await filled(lise, territory)
    await send(gp, "/objectifs", objectif="Entrer en EHPAD")
    late = await send(lise, "/publier", version=plan["meta"]["versionId"])
    assert (late.status_code, "Entrer en EHPAD" in late.text) == (409, True)


@pytest.mark.parametrize("qualified", [True, False])
async def test_the_national_identity_stands_in_the_document_only_when_it_is_qualified(
    territory: Access, visit: Visit, qualified: bool
) -> None:
    ins = identity.with_key("2790351215189")
    async with territory.act(SEED) as ctx:
        known = await ctx.records.read("Patient", "p")
        known["identifier"] = [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": ins}]
        if qualified:
            known["extension"] = [
                {"url": identity.systems.RELIABILITY_EXTENSION, "extension": [
                    {"url": "identityStatus", "valueCoding": {"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445", "code": "VALI"}}]}
            ]  # fmt: skip
        await ctx.records.write(known)
    lise = await visit(LISE)
    await filled(lise, territory)
    async with territory.act(SEED) as ctx:
        content = plan_cda.cda(await plan_publishing.published(ctx, "p", 1, author="Practitioner/lise"))
    assert (ins.encode() in content) is qualified


async def test_characters_that_xml_has_not_keep_no_plan_from_its_circle(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await filled(lise, territory)
    version = (await only(territory, "CarePlan"))["meta"]["versionId"]
    await send(lise, "/synthese", synthese="Seule\ufffe depuis l’été", revue="2027-02-01", version=version)
    await send(lise, "/desaccord", desaccord="Trop\uffff tôt")
    await publish(lise, territory)
    async with territory.act(SEED, read_only=True) as ctx:
        listed = await documents.documents_of(ctx, "p")
        content = (await documents.original(ctx, listed.documents[0].id)).decode()
    assert "Seule depuis l’été" in content
    assert "Trop tôt" in content


async def test_a_sex_that_is_not_known_is_written_and_read_back_so(territory: Access, visit: Visit) -> None:
    async with territory.act(SEED) as ctx:
        await ctx.records.write(await ctx.records.read("Patient", "p") | {"gender": "unknown"})
    lise = await visit(LISE)
    await filled(lise, territory)
    await publish(lise, territory)
    document = await only(territory, "DocumentReference")
    assert [one["gender"] for one in document["contained"] if one["resourceType"] == "Patient"] == ["unknown"]


async def test_the_paper_says_the_allergies_first(territory: Access, visit: Visit) -> None:
    await filled(await visit(LISE), territory)
    said = []
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}
    for known in ({}, {"code": {"text": "Pénicilline"}, "clinicalStatus": active}):
        async with territory.act(SEED) as ctx:
            if known:
                await ctx.records.write({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/p"}, **known})
            said.append((await plan_publishing.published(ctx, "p", 0, author=None)).allergies)
    assert said == ["Allergies non renseignées", "Allergie : Pénicilline"]


async def test_the_paper_is_a_pdf(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await filled(lise, territory)
    answer = await lise.get("/patients/p/plan/pdf")
    assert (answer.status_code, answer.headers["content-type"], answer.content[:5]) == (200, "application/pdf", b"%PDF-")
    if folder := os.environ.get("MAILLAGE_TEST_PICTURES"):
        with open(f"{folder}/plan.pdf", "wb") as file:  # to be looked at
            file.write(answer.content)


def returned(focus: str) -> ActionDue:
    return ActionDue(protocol="return-home", action="call-within-48h", patient="p", focus=focus, due=NOON + timedelta(hours=48))


async def test_a_return_home_asks_for_one_review_and_changes_nothing(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    before = await filled(lise, territory)
    async with territory.act(SEED) as ctx:
        letter = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/p"}, "date": NOON.isoformat(),
                  "content": [{"attachment": {"title": "Lettre de sortie", "url": "https://elsewhere.example/1"}}]}  # fmt: skip
        letter = await ctx.records.write(letter)
    for focus in ("Encounter/e", f"DocumentReference/{letter['id']}", f"DocumentReference/{letter['id']}", "Encounter/e"):
        async with territory.act(SEED) as ctx:
            await jobs.review_after_return(ctx, returned(focus))
    reviews = [one for one in await all_of(territory, "Task") if one["code"]["coding"][0]["code"] == "plan/review"]
    assert [one["focus"]["reference"] for one in reviews] == [f"DocumentReference/{letter['id']}"]
    page = await shown(lise)
    assert "À revoir depuis la sortie d’hôpital du 23 nov. 2026" in page
    assert f"/documents/{letter['id']}" in page
    assert "Revoir le plan personnalisé" in await shown(lise, "/taches")
    assert await only(territory, "CarePlan") == before
    await send(lise, "/revu", revue="2027-03-01")
    page = await shown(lise)
    assert "À revoir depuis" not in page
    assert "À revoir le 1er mars 2027" in page


async def test_a_disagreement_asks_for_a_review(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    plan = await filled(lise, territory)
    said = await only(territory, "Communication")
    for _ in range(2):
        async with territory.act(SEED) as ctx:
            await jobs.review_what_is_contested(ctx, PlanContested(plan=plan["id"], patient="p", position=said["id"]))
    assert "À revoir depuis un désaccord du 23 nov. 2026" in await shown(lise)
    assert (await shown(lise, "/taches")).count("Revoir le plan personnalisé</") <= 1


async def test_a_review_that_is_near_is_a_task_once(territory: Access, visit: Visit, clock: FixedClock) -> None:
    lise = await visit(LISE)
    await filled(lise, territory)
    for days, tasks in ((0, 1), (60, 2), (1, 2)):
        clock.advance(timedelta(days=days))
        async with territory.act(SEED) as ctx:
            await jobs.remind_of_reviews(ctx)
        assert len(await all_of(territory, "Task")) == tasks, days


async def test_versions_are_compared_in_words_with_who_changed_what(territory: Access, visit: Visit) -> None:
    lise, gp = await visit(LISE), await visit(GP)
    await filled(lise, territory)
    await publish(lise, territory)
    assert "Rien n’a changé" in await shown(lise, "/patients/p/plan/versions")
    goal = next(one for one in await all_of(territory, "Goal") if one["description"]["text"] == "Fermer la plaie")
    await send(gp, "/objectifs", objectif="Fermer la plaie du pied", but=goal["id"], version=goal["meta"]["versionId"])
    await send(lise, "/actions", action="Bilan nutritionnel")
    page = await shown(lise, "/patients/p/plan/versions")
    for words in (
        "Fermer la plaie : Sous 1 cm², 2027-01-15",
        "<b>Fermer la plaie du pied</b>",
        "Dr Camille EXEMPLE, le",
        "Bilan nutritionnel",
        "Ajouté",
        "Lise MAQUETTE, le",
    ):
        assert words in page, words
    await publish(lise, territory)
    for way in ("", "?de=1&a=2"):  # where nothing changed since, it opens on the last two that differ
        assert "<b>Fermer la plaie du pied</b>" in await shown(lise, f"/patients/p/plan/versions{way}"), way
    await publish(lise, territory)
    assert "De la version 1" in " ".join((await shown(lise, "/patients/p/plan/versions")).split())
    assert "Rien n’a changé" in await shown(lise, "/patients/p/plan/versions?de=2&a=3")
    assert (await lise.get("/patients/p/plan/versions?de=99&a=zz")).status_code == 200


@pytest.mark.conformance
async def test_a_comparison_takes_as_many_statements_for_many_goals_as_for_few(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise)

    async def statements() -> int:
        with count_statements() as counted:
            assert (await lise.get("/patients/p/plan/versions")).status_code == 200
        return counted.statements

    async def more(numbers: range) -> None:
        async with territory.act(LISE) as ctx:
            plan = (await plans.of_person(ctx, "p")).current
            assert plan
            one = {"patient": "p", "plan": plan.id, "due": ""}
            for number in numbers:
                await plans.add_goal(
                    ctx, **one, words=f"But {number}", measure="", target="", by_the_person=False, key=f"g{number}"
                )
                await plans.add_action(
                    ctx, **one, what=f"Geste {number}", how="", goal="", owner="Practitioner/nora", key=f"a{number}"
                )

    await more(range(1))
    few = await statements()
    await more(range(1, 9))
    assert await statements() == few <= STATEMENTS_OF_A_COMPARISON


async def test_the_official_plan_of_oncology_stands_among_the_documents_with_its_sections(
    territory: Access, shared_data: Path
) -> None:
    content = (shared_data / "cda/selection/CANCER-PPS_2022.01_Autopresentable.xml").read_bytes()
    async with territory.act(SEED) as ctx:
        received = await documents.receive(ctx, content, origin=documents.Origin(door="fhir", subject="Patient/p"))
    async with territory.act(GP, read_only=True) as ctx:
        listed = await documents.documents_of(ctx, "p")
        told = str(await documents.preview(ctx, received.document, level=2))
    assert [one.type_code for one in listed.documents] == ["18776-5"]
    for words in ("PROGRAMME THÉRAPEUTIQUE ET DE SUIVI", "SOINS ONCOLOGIQUES DE SUPPORT", "DIAGNOSTIC"):
        assert words in told, words
