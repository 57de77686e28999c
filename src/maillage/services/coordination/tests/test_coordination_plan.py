"""The plan of a person: started from a template, changed by small forms, contested without anything being lost, the same at every door."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import ASGITransport, AsyncClient, Response
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.db import count_statements
from maillage.errors import Conflict, Unprocessable
from maillage.services.coordination import pages
from maillage.services.coordination.resources.constants import measured_by
from tests.support.browser import HERE, screen
from tests.support.people import NOON, SEED, care_team, professional

STATEMENTS = 17  # of the page of a plan, session and audit included
GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
NURSE = professional("nora", Role.NURSE, name="Nora FICTIVE")
STRANGER = professional("stranger", Role.GP)
LISE = Actor(
    id="psc:lise", kind=ActorKind.PROFESSIONAL, name="Lise MAQUETTE", roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/lise", organizations=("Organization/dac",),
)  # fmt: skip
MARC = Actor(
    id="psc:marc", kind=ActorKind.PROFESSIONAL, name="Marc CROQUIS", roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/marc", organizations=("Organization/dac",),
)  # fmt: skip

PAPER = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"

Visit = Callable[[Actor], Awaitable[AsyncClient]]


@pytest.fixture
async def territory(access: Access) -> Access:
    """One person with a GP, a nurse, a carer and a coordination team of two."""
    dac = {
        "resourceType": "Organization", "id": "dac", "name": "DAC des Essais",
        "type": [{"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "code": "SA57"}]}],
    }  # fmt: skip
    people = [("gp", "Dr Camille EXEMPLE"), ("nora", "Nora FICTIVE"), ("lise", "Lise MAQUETTE"), ("marc", "Marc CROQUIS")]
    name = {"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"]}
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            dac,
            *({"resourceType": "Practitioner", "id": id, "name": [{"text": text}]} for id, text in people),
            *(
                {"resourceType": "PractitionerRole", "id": f"{id}-dac", "active": True, "practitioner": {"reference": f"Practitioner/{id}"},
                 "organization": {"reference": "Organization/dac"}}
                for id in ("lise", "marc")
            ),
            {"resourceType": "Patient", "id": "p", "name": [name], "gender": "female", "birthDate": "1979-03-28"},
            {"resourceType": "RelatedPerson", "id": "claude", "patient": {"reference": "Patient/p"}, "name": [{"text": "Claude PAT-TROIS"}]},
        )  # fmt: skip
        await ctx.records.write(
            care_team(
                "p", "Practitioner/gp", "Practitioner/nora", "Organization/dac", "Practitioner/lise", "RelatedPerson/claude"
            )
        )
    return access


@pytest.fixture
def visit(application: Any, signed_in: Any) -> Visit:
    """A client for one person."""

    async def client(actor: Actor) -> AsyncClient:
        transport = ASGITransport(app=application(pages))
        return AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *await signed_in(actor)])

    return client


async def shown(client: AsyncClient, path: str = "/patients/p/plan") -> str:
    """The words of a page, on one line."""
    return " ".join((await client.get(path)).text.split())


async def send(client: AsyncClient, end: str, files: Any = None, **fields: str) -> Response:
    """Sends one of the small forms of the plan, with its token and a key of its own where none is given."""
    page = (await client.get("/patients/p/plan")).text
    token = re.findall(r'name="csrf" value="(\w+)"', page)[-1]
    plan = re.search(r'name="plan" value="([^"]+)"', page)
    filled = {"csrf": token, "cle": uuid4().hex, **({"plan": plan[1]} if plan else {}), **fields}
    return await client.post(f"/patients/p/plan{end}", data=filled, files=files)


async def only(access: Access, kind: str) -> dict[str, Any]:
    async with access.act(SEED, read_only=True) as ctx:
        (found,) = await ctx.records.find(kind)
    return found


async def all_of(access: Access, kind: str) -> list[dict[str, Any]]:
    async with access.act(SEED, read_only=True) as ctx:
        return await ctx.records.find(kind, [("_count", "200")])


async def started(client: AsyncClient, model: str = "blank") -> None:
    answer = await send(client, "", modele=model)
    assert answer.headers["location"] == "/patients/p/plan?fait=plan"


async def test_a_plan_starts_from_a_template_and_says_what_waits_for_somebody(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    assert "Fragilité à domicile" in await shown(lise)
    await started(lise, "frailty-at-home")
    page = await shown(lise)
    assert "1. Prévenir les chutes" in page
    assert "À pourvoir" in page
    assert "Coordonné par</span><br><b>Lise MAQUETTE" in page
    again = await send(lise, "", modele="blank")
    assert (again.status_code, "a déjà un plan" in again.text) == (409, True)
    assert (await only(territory, "CarePlan"))["title"] == "Fragilité à domicile"


async def test_an_action_given_to_a_member_is_a_task_of_theirs(territory: Access, visit: Visit) -> None:
    lise, nora = await visit(LISE), await visit(NURSE)
    await started(lise)
    await send(lise, "/objectifs", objectif="Fermer la plaie du pied", critere="Surface sous 1 cm²", echeance="15/01/2027")
    goal = f"Goal/{(await only(territory, 'Goal'))['id']}"
    await send(
        lise, "/actions", action="Pansement", comment="un jour sur deux", qui="Practitioner/nora", but=goal, echeance="2026-12-20"
    )
    page = await shown(lise)
    assert "Surface sous 1 cm², au 15 janv. 2027" in page
    assert "Nora FICTIVE, un jour sur deux, avant le 20 déc." in page
    tasks = await shown(nora, "/taches")
    assert "Pansement" in tasks
    assert "PAT-TROIS" in tasks


async def test_who_may_reads_the_page_in_few_statements_and_nobody_else_knows_of_it(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise, "complex-diabetes")
    with count_statements() as counted:
        assert (await lise.get("/patients/p/plan")).status_code == 200
    assert counted.statements <= STATEMENTS
    assert (await (await visit(GP)).get("/patients/p/plan")).status_code == 200
    stranger = await visit(STRANGER)
    assert (await stranger.get("/patients/p/plan")).status_code == 404


async def test_a_form_that_comes_twice_writes_once(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise)
    for _ in range(2):
        assert (await send(lise, "/objectifs", objectif="Marcher", cle="a" * 32)).status_code == 303
        assert (await send(lise, "/actions", action="Kinésithérapie", cle="b" * 32)).status_code == 303
        assert (await send(lise, "/actions", action="Visite", qui="Practitioner/gp", cle="c" * 32)).status_code == 303
        assert (await send(lise, "/desaccord", desaccord="Trop tôt", cle="d" * 32)).status_code == 303
    plan = await only(territory, "CarePlan")
    assert (len(plan["goal"]), len(plan["activity"])) == (1, 2)
    assert len(await all_of(territory, "Task")) == 1
    assert len(await all_of(territory, "Communication")) == 1


async def test_two_coordinators_who_change_the_same_words_lose_nothing(territory: Access, visit: Visit) -> None:
    lise, marc = await visit(LISE), await visit(MARC)
    await started(lise)
    version = (await only(territory, "CarePlan"))["meta"]["versionId"]
    first = await send(lise, "/synthese", synthese="Seule depuis l’été", version=version)
    second = await send(marc, "/synthese", synthese="Sa fille passe le soir", version=version)
    assert (first.status_code, second.status_code) == (303, 409)
    assert "Seule depuis l’été" in second.text
    assert "Sa fille passe le soir" in second.text
    assert "Rien n’est perdu" in second.text
    newer = re.search(r'name="version" value="(\d+)"', second.text)
    assert newer is not None
    assert (
        await send(marc, "/synthese", synthese="Seule depuis l’été, sa fille passe le soir", version=newer[1])
    ).status_code == 303
    assert (await only(territory, "CarePlan"))["description"] == "Seule depuis l’été, sa fille passe le soir"


async def test_two_coordinators_who_add_at_the_same_time_both_are_heard(territory: Access, visit: Visit) -> None:
    lise, marc = await visit(LISE), await visit(MARC)
    await started(lise)
    assert (await send(lise, "/objectifs", objectif="Rester chez elle")).status_code == 303
    assert (await send(marc, "/objectifs", objectif="Manger mieux")).status_code == 303
    page = await shown(lise)
    assert "Rester chez elle" in page
    assert "Manger mieux" in page


async def test_what_is_contested_shows_both_positions_and_stays(territory: Access, visit: Visit) -> None:
    lise, gp = await visit(LISE), await visit(GP)
    await started(lise)
    await send(lise, "/objectifs", objectif="Entrer en EHPAD")
    goal = f"Goal/{(await only(territory, 'Goal'))['id']}"
    answer = await send(lise, "/accord", accord="contested", mots="Je veux rester chez moi", voie="FACE", but=goal)
    assert answer.status_code == 303
    said = (await only(territory, "Communication"))["id"]
    assert (await send(gp, "/reponse", dit=said, reponse="Le domicile n’est plus sûr la nuit")).status_code == 303
    assert (await send(lise, "/reponse", dit=said, reponse="Essai d’une garde de nuit", resolu="1")).status_code == 303
    page = await shown(gp)
    for words in (
        "Désaccord réglé",
        "Je veux rester chez moi",
        "noté par Lise MAQUETTE",
        "Le domicile n’est plus sûr la nuit",
        "Dr Camille EXEMPLE",
        "Essai d’une garde de nuit",
    ):
        assert words in page, words


async def test_agreement_is_collected_with_how_and_asked_again_after(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise)
    assert "Accord de la personne non recueilli" in await shown(lise)
    wrong = await send(lise, "/accord", accord="refused", voie="FACE")
    assert (wrong.status_code, "dans ses mots" in wrong.text) == (422, True)
    await send(lise, "/accord", accord="agreed", voie="WRITTEN")
    page = await shown(lise)
    assert "Accord de la patiente" in page
    assert "par écrit, signé, recueilli par Lise MAQUETTE" in page


async def test_who_represents_the_person_says_yes_with_the_act_that_names_them(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise)
    page = await shown(lise)
    assert "Claude PAT-TROIS, en son propre nom" in page
    refused = await send(lise, "/accord", accord="agreed", voie="WRITTEN", qui="RelatedPerson/claude")
    assert (refused.status_code, "Un proche peut contester un point" in refused.text) == (422, True)
    assert (
        await send(lise, "/accord", accord="contested", mots="Trop", voie="FACE", qui="RelatedPerson/claude")
    ).status_code == 303
    async with territory.act(SEED) as ctx:
        measure = {"coding": [{"system": "urn:maillage:legal-protection", "code": "tutelle"}]}
        await ctx.records.write(
            {"resourceType": "RelatedPerson", "id": "asso", "active": True, "patient": {"reference": "Patient/p"},
             "relationship": [measure], "name": [{"text": "ATMP des Essais"}]},
        )  # fmt: skip
    assert "ATMP des Essais, qui la représente" in await shown(lise)
    told = {"accord": "agreed", "voie": "WRITTEN", "qui": "RelatedPerson/asso"}
    bare = await send(lise, "/accord", **told)
    assert (bare.status_code, "Joignez l’acte" in bare.text) == (422, True)
    key = uuid4().hex
    for _ in range(2):  # sent twice, written once
        answer = await send(lise, "/accord", files={"preuve": ("jugement.pdf", PAPER, "application/pdf")}, cle=key, **told)
        assert answer.status_code == 303
    proof = await only(territory, "DocumentReference")
    page = await shown(lise)
    assert "Accord de ATMP des Essais" in page
    assert f'href="/documents/{proof["id"]}">Voir la preuve' in page
    broken = {"preuve": ("jugement.jpg", b"no photograph", "image/jpeg")}
    odd = await send(lise, "/accord", files=broken, **told)
    assert (odd.status_code, "Rien n’a été enregistré" in odd.text) == (422, True)
    assert len(await all_of(territory, "Communication")) == 2
    async with territory.act(SEED) as ctx:
        asso = await ctx.records.read("RelatedPerson", "asso")
        await ctx.records.write(asso | {"period": {"end": "2026-11-01"}})
    assert "ATMP des Essais, qui la représente" not in await shown(lise)


async def test_what_became_of_a_goal_is_said_with_why(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise)
    await send(lise, "/objectifs", objectif="Retravailler")
    goal = (await only(territory, "Goal"))["id"]
    silent = await send(lise, "/issue", but=goal, issue="not-undertaken")
    assert (silent.status_code, "Dites pourquoi" in silent.text) == (422, True)
    await send(lise, "/issue", but=goal, issue="not-undertaken", raison="Elle préfère attendre le printemps")
    page = await shown(lise)
    assert "Objectifs qui ne sont plus poursuivis" in page
    assert "Elle préfère attendre le printemps" in page
    assert "Non entrepris" in page


async def test_dates_out_of_sense_are_refused_beside_the_field_and_the_words_are_kept(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise)
    for date, words in (
        ("01/01/2020", "Cette date est passée"),
        ("2040-01-01", "plus de trois ans"),
        ("31/02/2027", "n’existe pas"),
    ):
        answer = await send(lise, "/actions", action="Semelle", echeance=date, pli="action-autre")
        assert (answer.status_code, words in answer.text, "Semelle" in answer.text) == (422, True, True), date
    assert "activity" not in await only(territory, "CarePlan")


async def test_an_archived_plan_is_read_and_changes_no_more(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise)
    plan = await only(territory, "CarePlan")
    assert (await send(lise, "/archiver", version=plan["meta"]["versionId"])).status_code == 303
    assert "Plans archivés" in await shown(lise)
    late = await send(lise, "/objectifs", objectif="Encore", plan=plan["id"])
    assert (late.status_code, "archivé" in late.text) == (409, True)


async def test_a_plan_looks_right_at_a_desk_and_on_a_phone(
    territory: Access, visit: Visit, application: Any, signed_in: Any, browser: Browser
) -> None:
    lise = await visit(LISE)
    await started(lise, "frailty-at-home")
    await send(lise, "/paroles", paroles="Remarcher jusqu’au jardin avant le printemps, et ne pas retourner à l’hôpital.")
    await send(lise, "/actions", action="Pansement", comment="un jour sur deux", qui="Practitioner/nora")
    await send(lise, "/desaccord", desaccord="Le portage de repas n’est pas voulu")
    window = await screen(browser, app=application(pages), headers=await signed_in(LISE))
    await window.open("/patients/p/plan")
    await window.page.get_by_text("Ce que dit la personne du plan", exact=True).click()
    await window.check("plan")
    await window.page.emulate_media(media="print")
    await window.picture("plan-impression")


def of_an_editor(**more: Any) -> dict[str, Any]:
    """A plan as the software of somebody else writes it: without any extension of ours."""
    return {
        "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/p"}, "title": "Plan du cabinet",
        "category": [{"coding": [{"system": "urn:maillage:plan", "code": "ppcs"}]}], "period": {"start": "2026-11-01", "end": "2027-02-01"},
        "activity": [{"detail": {"status": "in-progress", "code": {"coding": [{"system": "http://loinc.org", "code": "1", "display": "Pesée"}]},
                                 "performer": [{"display": "Cabinet infirmier"}], "scheduledString": "chaque lundi"}}],
    } | more  # fmt: skip


async def test_a_plan_that_an_editor_writes_shows_on_the_page(territory: Access, visit: Visit) -> None:
    async with territory.act(GP, door="fhir") as ctx:
        goal = {
            "resourceType": "Goal",
            "lifecycleStatus": "active",
            "subject": {"reference": "Patient/p"},
            "description": {"text": "Moins souffrir"},
        }
        written = await ctx.records.write(goal)
        plan = await ctx.records.write(of_an_editor(goal=[{"reference": f"Goal/{written['id']}"}]))
        task = {"resourceType": "Task", "status": "accepted", "intent": "plan", "basedOn": [{"reference": f"CarePlan/{plan['id']}"}],
                "for": {"reference": "Patient/p"}, "description": "Adapter les antalgiques", "owner": {"display": "Dr Inconnu"}}  # fmt: skip
        await ctx.records.write(task)
    lise = await visit(LISE)
    page = await shown(lise)
    for words in (
        "Plan du cabinet",
        "1. Moins souffrir",
        "Pesée",
        "Cabinet infirmier, chaque lundi",
        "Adapter les antalgiques",
        "Dr Inconnu",
    ):
        assert words in page, words
    assert (await send(lise, "/actions", action="Appeler chaque semaine", qui="Practitioner/nora")).status_code == 303
    assert "Appeler chaque semaine" in await shown(lise)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"period": {"start": "2026-11-01T10:00:00Z", "end": "2026-11-01T11:00:00Z"}, "activity": [{"progress": [{"text": "?"}]}]}, "CarePlan.activity[0]"),
        ({"activity": [{"detail": {"status": "scheduled", "scheduledPeriod": {"end": "2026-10"}}}]}, "CarePlan.activity[0].detail.scheduledPeriod.end"),
    ],
)  # fmt: skip
async def test_what_has_no_sense_in_a_plan_is_refused_with_its_place(
    territory: Access, wrong: dict[str, Any], place: str
) -> None:
    async with territory.act(GP, door="fhir") as ctx:
        await ctx.records.write(of_an_editor())
    with pytest.raises(Unprocessable) as refusal:
        async with territory.act(GP, door="fhir") as ctx:
            await ctx.records.write(of_an_editor(**wrong))
    assert [issue.expression for issue in refusal.value.issues] == [place]


async def test_a_goal_that_is_due_before_it_starts_is_refused_with_its_place(territory: Access) -> None:
    goal: dict[str, Any] = {
        "resourceType": "Goal", "lifecycleStatus": "active", "subject": {"reference": "Patient/p"}, "description": {"text": "Marcher"},
        "startDate": "2026-11-01", "target": [{"measure": {"text": "Pas"}, "dueDate": "2026-12-01"}],
    }  # fmt: skip
    async with territory.act(GP, door="fhir") as ctx:
        await ctx.records.write(goal)
    with pytest.raises(Unprocessable) as refusal:
        async with territory.act(GP, door="fhir") as ctx:
            await ctx.records.write(goal | {"target": [{"measure": {"text": "Pas"}, "dueDate": "2026-10-01"}]})
    assert [issue.expression for issue in refusal.value.issues] == ["Goal.target[0].dueDate"]


async def test_an_archived_plan_changes_at_no_door(territory: Access) -> None:
    async with territory.act(GP, door="fhir") as ctx:
        plan = await ctx.records.write(of_an_editor())
    async with territory.act(GP, door="fhir") as ctx:
        archived = await ctx.records.write(plan | {"status": "completed"})
    with pytest.raises(Conflict, match="archived"):
        async with territory.act(GP, door="fhir") as ctx:
            await ctx.records.write(archived | {"status": "active"})
    with pytest.raises(Conflict, match="archived"):
        async with territory.act(GP, door="fhir") as ctx:
            await ctx.records.delete("CarePlan", plan["id"])
    async with territory.act(GP, door="fhir") as ctx:
        assert (await ctx.records.write(archived | {"status": "entered-in-error"}))["status"] == "entered-in-error"


def weight(kilos: float, *, days: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p"}, "effectiveDateTime": (NOON - timedelta(days=days)).isoformat(),
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "valueQuantity": {"value": kilos, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }  # fmt: skip


async def test_what_is_measured_of_a_goal_stands_beside_it(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await started(lise)
    await send(lise, "/objectifs", objectif="Garder son poids", indicateur="Poids stable", critere="75 kg")
    await send(lise, "/objectifs", objectif="Sortir chaque jour", indicateur="Sorties")
    assert '<svg class="m-fig' not in await shown(lise)
    async with territory.act(SEED) as ctx:
        await ctx.records.write(*(weight(70 + n, days=20 - n) for n in range(15)))
    gp = await visit(GP)
    page = await shown(gp)
    assert page.count('<svg class="m-fig') == 1
    assert "Poids : de 73 kg le 6 nov. 2026 à 84 kg le 17 nov. 2026" in page.replace("\xa0", " ").replace("\u202f", " ")
    assert 'href="/patients/p/constantes?mesure=poids"' in page
    assert page.count('class="m-dot') == 12, "the last twelve"


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ({"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "Poids"}, "tension"),
        ({"text": "Poids stable, repas complets"}, "poids"), ({"text": "Tension au bras droit"}, "tension"), ({"text": "Contrepoids"}, None), ({}, None),
    ],
)  # fmt: skip
def test_a_goal_is_measured_by_its_code_or_by_the_measure_that_it_names(measure: dict[str, Any], expected: str | None) -> None:
    found = measured_by({"target": [{"measure": measure}]})
    assert (found.key if found else None) == expected
