"""Forms that say more than their page asks: whose it is, who wrote it, when, in what state; and what belongs to somebody else by its id."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.http.routes import Kind
from tests.attacks.test_forced_browsing import asked_of
from tests.support.attacked import actor_of
from tests.support.pages import client_of
from tests.support.people import SEED

Resource = dict[str, Any]
HOSTILE, DAY = "XHOSTILEX", "2019-07-07"
NAMES = (
    "auteur", "author", "par_qui", "sender", "requester", "performer", "asserter", "recorder", "practitioner", "signataire", "redige_par", "acteur", "actor", "user", "role",
    "organisation", "organization", "structure", "custodian", "managingOrganization", "custode", "etablissement", "source", "origine",
    "subject", "sujet_de", "personne", "beneficiary", "for", "identite", "ins", "dossier", "encounter", "sejour",
    "status", "statut", "intent", "code", "category", "type_", "resourceType", "meta", "meta.security", "securityLabel", "extension", "identifier", "profile", "text.div",
    "_id", "resource", "versionId", "lastUpdated", "contained", "recipient", "destinataire", "owner", "proprietaire", "permission", "scope", "admin", "is_admin", "droits",
)  # fmt: skip
"""Names of fields that none of these forms shows."""
WHEN = ("date_creation", "authored", "authoredOn", "issued", "recorded", "cree_le", "sent", "envoye_le", "now", "at", "created")


def extras() -> dict[str, str]:
    values = [HOSTILE, "Patient/bruno", "Practitioner/outsider", "Organization/hostile"]
    said = {name: values[place % 4] for place, name in enumerate(NAMES)}
    return said | dict.fromkeys(WHEN, DAY) | {"status": "entered-in-error", "statut": "entered-in-error", "_method": "DELETE"}


def forms() -> Iterator[tuple[str, dict[str, str], str]]:
    """Address, what its page asks for, and the type that it writes."""
    key = str(uuid4())
    yield (
        "/taches",
        {
            "cle": key,
            "patient": "anne",
            "titre": "Appeler",
            "echeance": "2026-12-01",
            "priorite": "routine",
            "pour": "Practitioner/gp",
        },
        "Task",
    )
    yield (
        "/patients/anne/contacts",
        {
            "moyen": "PHONE",
            "avec": "Patient/anne",
            "autre": "",
            "joint": "oui",
            "motif": "Sortie",
            "resultat": "Bien",
            "jour": "2026-11-23",
            "heure": "10:00",
            "cle": str(uuid4()),
        },
        "Communication",
    )
    yield (
        "/patients/anne/visites",
        {"motif": "Voir", "jour": "2026-11-25", "heure": "14:30", "duree": "60", "lieu": "", "qui": "Practitioner/gp"},
        "Appointment",
    )
    yield "/patients/anne/constantes", {"mesure": "temperature", "valeur": "37,8"}, "Observation"
    yield (
        "/patients/anne/donnees/aide",
        {
            "quoi": "aide-domicile",
            "par": "SAAD",
            "rythme": "6 h",
            "financement": "apa",
            "etat": "active",
            "depuis": "2026-03-01",
            "cle": str(uuid4()),
        },
        "ServiceRequest",
    )
    yield (
        "/patients/anne/donnees/probleme",
        {"quoi": "Asthme", "depuis": "01/02/2024", "note": "", "cle": str(uuid4())},
        "Condition",
    )
    yield (
        "/patients/anne/messages",
        {"cle": str(uuid4()), "message": "Bonjour", "sujet": "Sortie", "lecteurs": "cercle"},
        "Communication",
    )
    yield "/patients/anne/cahier", {"texte": "Vu ce matin", "type": "OBS", "genre": "OBS"}, "DocumentReference"


@pytest.fixture
async def gp(attacked: Starlette, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    """Of the circle of Anne, and referent of Bruno's support: they see both."""
    async with await client_of(attacked, access, actor_of(Role.GP)) as client:
        yield client


async def versions(access: Access, person: str) -> dict[str, Resource]:
    """All that is in somebody's record, by reference and version."""
    async with access.act(SEED) as ctx:
        kinds = [
            "Task",
            "Communication",
            "Appointment",
            "Observation",
            "ServiceRequest",
            "Condition",
            "DocumentReference",
            "Goal",
            "CarePlan",
            "Flag",
            "QuestionnaireResponse",
            "Coverage",
            "EpisodeOfCare",
            "Patient",
            "CareTeam",
            "MedicationStatement",
        ]
        found = await ctx.records.compartment([person], dict.fromkeys(kinds, 100))
    return {f"{kind}/{one['id']}@{one['meta']['versionId']}": one for kind, listed in found.items() for one in listed}


async def test_no_form_writes_what_its_page_does_not_ask(gp: httpx.AsyncClient, access: Access) -> None:
    bruno = await versions(access, "bruno")
    for address, asked, kind in forms():
        before = await versions(access, "anne")
        assert (await gp.post(address, data=extras() | asked)).status_code == 303, address
        written = {name: one for name, one in (await versions(access, "anne")).items() if name not in before}
        assert [name.partition("/")[0] for name in written] == [kind], address
        said = json.dumps(written, default=str)
        for word in (HOSTILE, "bruno", "outsider", "Organization/hostile", DAY, "entered-in-error"):
            assert word not in said, (address, word)
    assert await versions(access, "bruno") == bruno


OF_OTHER = (
    ("seuils", {"mesure": "poids", "bas": "", "haut": "78,5", "seuil": "goal-{who}", "version": "1"}),
    ("constantes/observation-{who}/erreur", {"version": "1", "raison": "X"}),
    ("donnees/aide/aid-{who}", {"quoi": "aide-domicile", "par": "X", "rythme": "", "financement": "apa", "etat": "active", "depuis": "2026-03-01", "version": "1"}),
    ("donnees/aide/aid-{who}/fin", {"version": "1"}),
    ("donnees/probleme/condition-{who}", {"quoi": "X", "depuis": "", "note": "", "version": "1"}),
    ("donnees/probleme/condition-{who}/fin", {"version": "1"}),
    ("donnees/droit/right-{who}/fin", {"version": "1"}),
    ("plan/paroles", {"plan": "plan-{who}", "mots": "X", "recueil": "spoken"}),
    ("plan/objectifs", {"plan": "plan-{who}", "objectif": "X", "critere": "", "echeance": "15/01/2027"}),
    ("plan/issue", {"plan": "plan-{who}", "but": "Goal/goal-{who}", "issue": "achieved", "mots": "X", "version": "1"}),
    ("plan/actions", {"plan": "plan-{who}", "action": "X", "qui": "Practitioner/gp", "but": "", "echeance": "2026-12-20"}),
    ("plan/actions", {"plan": "plan-anne", "action": "X", "qui": "Practitioner/gp", "but": "Goal/goal-{who}", "echeance": "2026-12-20"}),
    ("plan/confier", {"plan": "plan-{who}", "action": "activite-0", "qui": "Practitioner/gp"}),
    ("plan/etat", {"plan": "plan-{who}", "action": "Task/todo-{who}", "etat": "completed"}),
    ("plan/accord", {"plan": "plan-{who}", "sens": "agreed", "de": "Patient/{who}", "moyen": "spoken", "mots": "X"}),
    ("plan/desaccord", {"plan": "plan-{who}", "desaccord": "X"}),
    ("plan/reponse", {"plan": "plan-{who}", "dit": "position-{who}", "reponse": "X", "resolu": "1"}),
    ("plan/publier", {"plan": "plan-{who}", "version": "1"}),
    ("plan/revu", {"plan": "plan-{who}", "prochaine": "2027-01-01", "version": "1"}),
    ("plan/archiver", {"plan": "plan-{who}", "version": "1", "raison": "X"}),
    ("appui/episode-{who}/fin", {"raison": "goals", "mots": "X", "version": "1"}),
    ("concertations/meeting-{who}/avis", {"genre": "opinion", "avis": "X"}),
    ("concertations/meeting-{who}/decision", {"decision": "X", "qui": "Practitioner/gp", "pour": "2026-12-20", "malgre": "1"}),
    ("plaies/wound-{who}", {"longueur": "1", "largeur": "1"}),
    ("plaies/wound-{who}/fermer", {"version": "1"}),
    ("contacts", {"moyen": "PHONE", "avec": "Patient/{who}", "autre": "", "joint": "oui", "motif": "X", "resultat": "X", "jour": "2026-11-23", "heure": "10:00"}),
    ("messages", {"message": "X", "sujet": "X", "lecteurs": "cercle", "repond": "todo-{who}"}),
    ("messages", {"message": "X", "sujet": "X", "lecteurs": "choix", "membres": "Patient/{who}"}),
    ("messages", {"message": "X", "sujet": "X", "lecteurs": "cercle", "mentions": "Patient/{who}"}),
    ("cercle/membres", {"membre": "RelatedPerson/carer-{who}", "version": ""}),
    ("cercle/retrait", {"membre": "RelatedPerson/carer-{who}", "raison": "X"}),
    ("cahier/note-{who}/corriger", {"texte": "X", "version": "1"}),
    ("cahier/note-{who}/retirer", {"version": "1"}),
    ("vu", {"episode": "episode-{who}", "jusqua": "note-{who}"}),
)  # fmt: skip


async def test_no_form_of_one_person_writes_in_the_record_of_another(
    attacked: Starlette, gp: httpx.AsyncClient, access: Access
) -> None:
    """By whoever sees both, and names by its id what is not of the record that the address says."""
    actions = [
        re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path)) for route, _, _ in asked_of(attacked) if route.kind is Kind.ACTION
    ]
    bruno, anne = await versions(access, "bruno"), await versions(access, "anne")
    for end, named in OF_OTHER:
        address = f"/patients/anne/{end.format(who='bruno')}"
        assert any(one.fullmatch(address) for one in actions), f"{address} is no form"
        asked = {name: value.format(who="bruno") for name, value in named.items()}
        answer = await gp.post(address, data=asked | {"cle": str(uuid4())})
        assert answer.status_code < 500, address
        assert await versions(access, "bruno") == bruno, address
        now = await versions(access, "anne")
        said = json.dumps({name: one for name, one in now.items() if name not in anne}, default=str)
        assert "bruno" not in said, (address, asked)
    own = [
        (f"/patients/anne/{end.format(who='anne')}", {name: value.format(who="anne") for name, value in named.items()})
        for end, named in OF_OTHER
    ]
    done = [address for address, asked in own if (await gp.post(address, data=asked | {"cle": str(uuid4())})).status_code == 303]
    assert len(done) >= 19, [address for address, _ in own if address not in done]


async def test_bounds_are_not_written_over_what_the_person_aims_at(gp: httpx.AsyncClient, access: Access) -> None:
    asked = {"mesure": "poids", "bas": "", "haut": "78,5", "seuil": "goal-anne", "version": "1"}
    assert (await gp.post("/patients/anne/seuils", data=asked)).status_code == 303
    goals = {name: one for name, one in (await versions(access, "anne")).items() if name.startswith("Goal/")}
    assert goals["Goal/goal-anne@1"]["description"]["text"] == "Secretaire"
    [made] = [one for one in goals.values() if one["id"] != "goal-anne"]
    again = asked | {"seuil": made["id"], "haut": "80", "version": made["meta"]["versionId"]}
    assert (await gp.post("/patients/anne/seuils", data=again)).status_code == 303
    assert f"Goal/{made['id']}@2" in await versions(access, "anne")
