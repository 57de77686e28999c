"""What we write at home and around a person, against the official profiles of the notebook (CdL), of circles (CDS) and of FR Core.

What is checked of a profile, and what is not, stands in `tests/support/profiles.py`.
"""

import copy
import tarfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.clock import FixedClock
from maillage.config import Config
from maillage.db import Database
from maillage.demo.territory import ensure_personas, seed
from maillage.fhir import json
from maillage.services.coordination.resources import circle, constants, fact, note, photo, relative, wound
from maillage.services.coordination.resources.constants import MEASURES
from tests.support.pages import client_of
from tests.support.people import MACHINE, NOON, SEED
from tests.support.photographs import jpeg
from tests.support.profiles import Profiles

Resource = dict[str, Any]
CDL = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/"
CDS = "https://interop.esante.gouv.fr/ig/fhir/cds/StructureDefinition/"
R4 = "http://hl7.org/fhir/StructureDefinition/"
WITHOUT_PROFILE = {"douleur", "glycemie", "inr"}
"""Measures of which FR Core says nothing: they are plain R4."""


@pytest.fixture(scope="module")
def profiles() -> Profiles:
    from tests.support.plugin import SHARED

    folder = SHARED / "specs" / "data"
    if not folder.is_dir():
        pytest.skip("the official data (../shared/specs/data) is not beside this checkout")
    return Profiles(folder)


def as_sent(resource: Resource) -> Resource:
    """As it goes over the network."""
    read: Resource = json.loads(json.dumps(resource))
    return read


def a_note(**more: Any) -> Resource:
    return as_sent(
        note.note_for("Vu", kind="INTERV", patient="p", by="Practitioner/nora", name="Nora", at=NOON, important=True, **more)
    )


def measure(key: str, **more: Any) -> Resource:
    measured = MEASURES[key]
    second = Decimal(80) if key == "tension" else None
    return as_sent(constants.observation_for(
        measured, measured.likely[0], patient="p", at=NOON, by="Practitioner/nora", name="Nora", second=second, **more
    ))  # fmt: skip


def a_circle() -> Resource:
    members = [
        circle.participant_for("PractitionerRole/gp", "Dr", role=circle.role_for("PCP"), at=NOON),
        circle.participant_for(
            "PractitionerRole/lise", "Lise", role=circle.role_for(circle.REFERENT), at=NOON, until="2031-01-01"
        ),
        circle.participant_for("RelatedPerson/child", "Ana", role=circle.role_for("CAREGIVER"), at=NOON),
        circle.participant_for("Organization/team", "DAC", role=None, at=NOON),
    ]
    return as_sent(circle.circle_for(id="c", patient="p", name="Roger", participants=members, at=NOON))


def test_notes_are_of_the_profile(profiles: Profiles) -> None:
    first, answer = a_note(photos=["1"], readers="care"), a_note(answers="1")
    for one in (first, answer, as_sent(note.corrected(first, "Revu", at=NOON)), {**first, "status": "entered-in-error"}):
        assert profiles.faults(one, note.PROFILE) == []


def test_a_note_as_editors_create_and_find_it_is_of_the_transactions_of_the_guide(profiles: Profiles) -> None:
    created = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:0d920958-b596-4b91-af67-9bafc707820a", "resource": a_note(), "request": {"method": "POST", "url": "DocumentReference"}}
    ]}  # fmt: skip
    assert profiles.faults(created, f"{CDL}cdl-bundle-creation-note") == []
    twice = {
        **created,
        "entry": [created["entry"][0], {**created["entry"][0], "fullUrl": "urn:uuid:0d920958-b596-4b91-af67-9bafc707820b"}],
    }
    assert profiles.faults(twice, f"{CDL}cdl-bundle-creation-note") == ["Bundle.entry:DocumentReference: 2 of 1..1"]
    put = copy.deepcopy(created)
    put["entry"][0]["request"]["method"] = "PUT"
    assert "'PUT' is not 'POST'" in "".join(profiles.faults(put, f"{CDL}cdl-bundle-creation-note"))


@pytest.mark.parametrize("key", sorted(MEASURES))
def test_measures_are_of_the_profiles_of_fr_core(profiles: Profiles, key: str) -> None:
    written = measure(key)
    assert (key in WITHOUT_PROFILE) is ("meta" not in written)
    if key in WITHOUT_PROFILE:
        assert profiles.plain(written) == []
    else:
        assert profiles.faults(written, MEASURES[key].profile) == []


def test_wounds_and_photographs_are_of_r4_which_has_no_french_profile(profiles: Profiles) -> None:
    found = wound.wound_for(
        kind="pressure", site="heel-left", stage="II", since="2026-01-02", patient="p", by="Practitioner/nora", at=NOON
    )
    look = wound.assessment_for(
        {wound.LENGTH: Decimal("3.2"), wound.WIDTH: Decimal(2), wound.DEPTH: Decimal("0.2")}, wound="w", patient="p", site=found["bodySite"][0],
        drainage="low", note="Bords nets", photos=["1"], by="Practitioner/nora", name="Nora", at=NOON,
    )  # fmt: skip
    picture = photo.photo_for(
        jpeg(),
        id="1",
        patient="p",
        by="Practitioner/nora",
        name="Nora",
        at=NOON,
        title="Talon",
        site=found["bodySite"][0],
        note="n",
    )
    for one in (found, wound.closed(found, "2026-03-01"), look, picture):
        assert profiles.plain(as_sent(one)) == []
    assert profiles.plain(as_sent({**look, "status": "seen"})), "what is no R4 is refused"


def test_circles_are_of_the_profile_whoever_is_in_them(profiles: Profiles) -> None:
    assert profiles.faults(a_circle(), circle.PROFILE) == []


RELATIVE = {"nom": "MARTIN", "prenom": "Ana", "lien": "Fille", "tel": "06 39 98 00 01"}


@pytest.mark.parametrize("part", ["", *dict(fact.PARTS)])
def test_relatives_are_of_the_profile_where_they_can_be_reached(profiles: Profiles, part: str) -> None:
    written = a_relative("proche", RELATIVE | {"part": part})
    assert profiles.faults(written, relative.PROFILE) == []
    assert written["meta"]["profile"] == [relative.PROFILE]
    unreached = a_relative("proche", RELATIVE | {"part": part, "tel": ""})
    assert profiles.plain(unreached) == []
    assert profiles.faults(unreached, relative.PROFILE) == ["RelatedPerson.telecom: 0 of 1..*"]
    assert "meta" not in unreached, "it does not say that it is what it is not"


@pytest.mark.parametrize("measure", dict(fact.PROTECTIONS))
def test_who_protects_the_person_is_of_the_profile(profiles: Profiles, measure: str) -> None:
    values = {"mesure": measure, "nom": "UDAF des Essais", "tel": "0639980001", "depuis": "2026-01-01", "jusqua": ""}
    assert profiles.faults(a_relative("protection", values), relative.PROFILE) == []


def test_a_relative_of_the_guide_is_read_and_stays_of_its_profile_when_its_words_change(profiles: Profiles) -> None:
    from tests.support.plugin import SHARED

    theirs = json.loads(
        (SHARED / "specs/data/fr-profiles-examples/cds/RelatedPerson-cds-relatedperson-example.json").read_bytes()
    )
    kind = fact.FACTS["proche"]
    shown = kind.values(theirs)
    assert (shown["nom"], shown["prenom"], shown["lien"], shown["part"]) == ("Lamine", "CHIBOUT", "Voisin(e)", "urgence")
    after = as_sent(relative.identified(fact.fact_from(kind, {**shown, "tel": "0639980002"}, theirs)))
    assert profiles.faults(after, relative.PROFILE) == []
    assert after["identifier"] == theirs["identifier"]
    assert [code for one in after["relationship"] for code in one["coding"] if code["code"] == "NBOR"]


def a_relative(slug: str, values: dict[str, str]) -> Resource:
    made = fact.fact_from(fact.FACTS[slug], values, {})
    return as_sent(
        relative.identified({"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/p"}, **made})
    )


def changed(resource: Resource, path: str, value: Any) -> Resource:
    spoiled = copy.deepcopy(resource)
    *steps, last = [int(one) if one.isdigit() else one for one in path.split(".")]
    holder: Any = spoiled
    for step in steps:
        holder = holder[step]
    holder[last] = value
    return spoiled


@pytest.mark.parametrize(
    ("resource", "profile", "path", "value", "words"),
    [
        (a_note(), note.PROFILE, "docStatus", "final", "DocumentReference.docStatus: 1 of 0..0"),
        (a_note(), note.PROFILE, "author.0.reference", "Location/1", "Location/1 is none of"),
        (a_note(), note.PROFILE, "extension.0", {"url": note.EMERGENCY, "valueString": "oui"}, "is none of ['boolean']"),
        (measure("poids"), MEASURES["poids"].profile, "category.0.coding.0.code", "exam", "category:VSCat: 0 of 1..1"),
        (measure("poids"), MEASURES["poids"].profile, "valueQuantity.code", "t", "is not of http://hl7.org/fhir/ValueSet/ucum-bodyweight"),
        (measure("poids"), MEASURES["poids"].profile, "code.coding.0.code", "1", "coding:BodyWeightCode: 0 of 1..1"),
        (measure("tension"), MEASURES["tension"].profile, "component.1.code.coding.0.code", "1", "component:DiastolicBP: 0 of 1..1"),
        (measure("pouls"), MEASURES["pouls"].profile, "valueQuantity.code", "/h", "'/h' is not '/min'"),
        (measure("pouls"), MEASURES["pouls"].profile, "effectiveDateTime", "2026", "(vs-1)"),
        (a_circle(), circle.PROFILE, "participant.0.member.reference", "Practitioner/gp", "Practitioner/gp is none of"),
        (a_circle(), circle.PROFILE, "participant.1.period", {}, "period"),
    ],
)  # fmt: skip
def test_what_is_not_of_a_profile_is_found(
    profiles: Profiles, resource: Resource, profile: str, path: str, value: Any, words: str
) -> None:
    assert profiles.faults(resource, profile) == []
    assert words in " ".join(profiles.faults(changed(resource, path, value), profile))


@pytest.mark.conformance
@pytest.mark.parametrize("package", ["frcore", "cdl", "cds"])
def test_the_examples_of_the_packages_are_of_their_profiles_where_they_are_not_known_to_be_faulty(
    profiles: Profiles, shared_data: Path, package: str
) -> None:
    checked = 0
    with tarfile.open(shared_data / "fr-profiles-packages" / f"{package}.tgz") as archive:
        for member in archive:
            kind = member.name.removeprefix("package/example/").partition("-")[0]
            if (
                "/example/" in member.name
                and kind in ("Observation", "RelatedPerson", "CareTeam", "Bundle")
                and (file := archive.extractfile(member))
            ):
                resource = json.loads(file.read())
                for url in resource["meta"]["profile"]:
                    faults = profiles.faults(resource, url)
                    assert [one for one in faults if "value.ofType(string)" not in one] == [], member.name
                    checked += 1
    assert checked > 0


@pytest.fixture
async def editor(attacked: Starlette, access: Access) -> httpx.AsyncClient:
    return await client_of(attacked, access, MACHINE, accept="application/fhir+json")


async def test_what_a_consumer_finds_is_of_the_profiles_of_the_guides(
    editor: httpx.AsyncClient, access: Access, profiles: Profiles
) -> None:
    async with access.act(SEED) as ctx:
        kept = {**a_note(), "subject": {"reference": "Patient/anne"}, "author": [{"reference": "PractitionerRole/gp-house"}]}
        member = circle.participant_for("PractitionerRole/gp-house", "Dr", role=circle.role_for("PCP"), at=NOON)
        around = circle.circle_for(id="profiled", patient="anne", name="Anne", participants=[member], at=NOON)
        await ctx.records.write(kept, around)
    notes = (await editor.get(f"/fhir/DocumentReference?patient=Patient/anne&type={note.TYPES}|")).json()
    assert profiles.faults(notes, f"{CDL}cdl-bundle-resultat-recherche-notes") == []
    circles = (await editor.get("/fhir/CareTeam?_id=profiled")).json()
    assert profiles.faults(circles, f"{CDS}cds-bundle-response-recherche") == []
    assert circles["entry"][0]["resource"]["id"] == "profiled"
    assert kept["content"] in [one["resource"].get("content") for one in notes["entry"]]


async def test_a_note_is_changed_by_the_transaction_of_the_guide(
    editor: httpx.AsyncClient, access: Access, profiles: Profiles
) -> None:
    async with access.act(SEED) as ctx:
        kept = await ctx.records.write(
            {**a_note(), "subject": {"reference": "Patient/anne"}, "author": [{"reference": "PractitionerRole/gp-house"}]}
        )
    read = (await editor.get(f"/fhir/DocumentReference/{kept['id']}")).json()
    revised = {**read, "description": "Revu"}
    put = {"method": "PUT", "url": f"DocumentReference/{kept['id']}", "ifMatch": f'W/"{read["meta"]["versionId"]}"'}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": f"https://editeur.example/fhir/DocumentReference/{kept['id']}", "resource": revised, "request": put}
    ]}  # fmt: skip
    assert profiles.faults(bundle, f"{CDL}cdl-bundle-maj-note") == []
    posted = copy.deepcopy(bundle)
    posted["entry"][0]["request"]["method"] = "POST"
    assert "'POST' is not 'PUT'" in "".join(profiles.faults(posted, f"{CDL}cdl-bundle-maj-note"))
    answer = await editor.post("/fhir", json=bundle)
    assert answer.status_code == 200, answer.text
    after = (await editor.get(f"/fhir/DocumentReference/{kept['id']}")).json()
    assert (after["description"], after["meta"]["versionId"]) == ("Revu", "2")
    assert (await editor.post("/fhir", json=bundle)).status_code == 412


@pytest.mark.conformance
async def test_what_the_demonstration_writes_is_of_the_profiles_that_it_names(
    access: Access, clock: FixedClock, database: Database, profiles: Profiles
) -> None:
    platform = Platform(Config(), clock, database, access._files, access)
    await ensure_personas(platform)
    await seed(platform, scale=0.03)
    checked: Counter[str] = Counter()
    async with access.act(SEED) as ctx:
        for kind in ("CareTeam", "DocumentReference", "Observation", "RelatedPerson", "Appointment"):
            for resource in await ctx.records.find(kind, {"_count": "500"}):
                for url in resource.get("meta", {}).get("profile", []):
                    if profiles.definition(url):
                        assert profiles.faults(as_sent(resource), url) == [], resource
                        checked[url] += 1
    assert checked[note.PROFILE] > 1
