"""Every profession x relation x choice x record x operation, through the FHIR API and the pages: nobody sees what they may not, everybody sees what they may.

What is expected is written here by hand from the law's words and ADR 0027, and shares nothing with the code that decides. The whole is long (`make test-long`);
a sample of pairs of reader and person runs each time.
"""

import random
import re
import zipfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from io import BytesIO
from typing import Any

import httpx
import msgspec
import pytest

from maillage.access import emergency
from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.emergency import Reason
from maillage.access.platform import Platform
from maillage.errors import Forbidden
from maillage.services.portal.service.copying import write_copy
from tests.support.attacked import whole_application
from tests.support.pages import client_of
from tests.support.people import SEED
from tests.support.ways import MARK, WAYS, Asked, seen_by_every_way

Resource = dict[str, Any]
Pair = tuple[str, str, str]  # reader, relation, choice

CONSENT_SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
VISIBILITY = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
HOUSE = "Organization/house"
SAMPLE, SEED_OF_SAMPLE = 12, 739942

# Reader: (roles, code of TRE_G15)
READERS: dict[str, tuple[Role, str | None]] = {
    "doctor": (Role.GP, "10"),
    "hospital": (Role.HOSPITAL, "10"),
    "nurse": (Role.NURSE, "60"),
    "pharmacist": (Role.PROFESSIONAL, "21"),
    "physio": (Role.PROFESSIONAL, "70"),
    "podiatrist": (Role.PROFESSIONAL, "80"),
    "optician": (Role.PROFESSIONAL, "28"),
    "psychologist": (Role.PROFESSIONAL, "93"),
    "unknown": (Role.PROFESSIONAL, "99"),
    "coordinator": (Role.COORDINATOR, "60"),
    "social": (Role.SOCIAL_WORKER, None),
}
CARE = set(READERS) - {"coordinator", "social"}
DOCTORS = {"doctor", "hospital"}
USUAL = {"doctor", "hospital", "nurse", "pharmacist", "physio", "podiatrist", "coordinator"}

# What each record of a person is, and who reads it where the record is theirs to open.
EXPECTED: dict[str, set[str]] = {
    "stay": set(READERS),
    "plan": set(READERS) - {"optician", "unknown"},
    "note": set(READERS) - {"optician", "unknown"},
    "for-nurse": {"nurse"},
    "care-only": set(READERS) - {"optician", "unknown", "coordinator", "social"},
    "problem": USUAL | {"psychologist"},
    "drug": USUAL,
    "letter": USUAL | {"psychologist"},
    "psychiatry": {*DOCTORS, "nurse", "psychologist"},
    "genetics": DOCTORS,
    "social": {*DOCTORS, "nurse", "physio", "podiatrist", "psychologist", "coordinator", "social"},
    "prescription": USUAL | {"optician"},
    "odd": USUAL | {"psychologist"},
    "restricted": (USUAL | {"psychologist"}) - {"coordinator"},
    "very-restricted": set(),
    "masked": set(),
    "unannounced": USUAL | {"psychologist"},
    "not-for-parents": USUAL | {"psychologist"},
    "talk": set(READERS) - {"optician", "unknown"},
    "talk-pro": set(READERS) - {"optician", "unknown"},
    "talk-care": set(READERS) - {"optician", "unknown", "coordinator", "social"},
    "talk-nurse": {"nurse"},
    "joined": (USUAL | {"psychologist"}) - {"coordinator"},
    "money": {"coordinator", "social"},
}
NOT_FOR_THE_PERSON = {"for-nurse", "unannounced", "talk-pro", "talk-care", "talk-nurse", "joined"}
NOT_FOR_THE_CARER = NOT_FOR_THE_PERSON | {"not-for-parents"}
SEEN_BY_CARER: dict[str, set[str]] = {
    "contact": set(),
    "agenda": {"note", "care-only", "talk"},
    "follow": {"note", "care-only", "talk", "plan"},
    "whole": set(EXPECTED) - NOT_FOR_THE_CARER,
    "representative": set(EXPECTED) - NOT_FOR_THE_CARER,
    "ended": set(),
    "not-yet": set(),
    "taken-back": set(),
}
"""By what the person named them for: a contact for nothing; of the last three the time is not now."""

OPENING = {"circle", "house", "stay", "episode", "gp", "today"}
RELATIONS = (*sorted(OPENING), "tomorrow", "past", "nobody", "emergency")
CHOICES = ("none", "excluded", "house-excluded", "coordination", "sharing", "emergency", "hidden", "withdrawn")


def expected(pair: Pair) -> set[str]:
    """The records that a reader sees of the person with that relation and choice."""
    reader, relation, choice = pair
    if reader == "person":
        return set(EXPECTED) - NOT_FOR_THE_PERSON
    if reader in SEEN_BY_CARER:
        return SEEN_BY_CARER[reader]
    if not opened(reader, relation, choice):
        return {"for-nurse"} if reader == "nurse" and choice not in ("excluded", "house-excluded", "sharing") else set()
    seen = {name for name, readers in EXPECTED.items() if reader in readers}
    if relation == "gp" and reader in DOCTORS:  # the médecin traitant sees what is masked, and not what is very restricted
        return seen | {"masked"}
    return seen - {"letter"} if choice == "hidden" else seen


def opened(reader: str, relation: str, choice: str) -> bool:
    if choice in ("excluded", "house-excluded"):
        return False
    if relation == "emergency":
        return reader in CARE and choice != "emergency"
    if choice == "sharing" or (choice == "coordination" and reader not in CARE):
        return False
    return relation in OPENING


def ref(reference: str) -> dict[str, str]:
    return {"reference": reference}


def records_of(person: str) -> Iterator[Resource]:
    """One of each of EXPECTED, with ids "<name>.<person>"."""
    subject = {"subject": ref(f"Patient/{person}")}

    def named(kind: str, name: str, **more: Any) -> Resource:
        return {"resourceType": kind, "id": f"{name}.{person}", **more}

    def document(name: str, code: str, system: str = "", label: str = "", **more: Any) -> Resource:
        labels = {"securityLabel": [{"coding": [{"system": system, "code": label}]}]} if label else {}
        return named(
            "DocumentReference", name, status="current", type={"coding": [{"system": "http://loinc.org", "code": code}]}, date="2026-11-20T10:00:00Z",
            content=[{"attachment": {"contentType": "application/pdf", "url": "urn:x", "title": words(name)}}], author=[ref("Practitioner/author")],
            **subject, **labels, **more,
        )  # fmt: skip

    def words(name: str) -> str:
        return f"{MARK} {name}.{person}"

    def message(name: str, *audience: str, **more: Any) -> Resource:
        said = [("urn:maillage:communication", "conversation"), *(("urn:maillage:audience", one) for one in audience)]
        categories = [{"coding": [{"system": system, "code": code}]} for system, code in said]
        return named(
            "Communication", name, status="completed", category=categories, topic={"text": words(name)}, sent="2026-11-20T10:00:00Z",
            payload=[{"contentString": words(name)}], sender=ref("Practitioner/author"), **subject, **more,
        )  # fmt: skip

    audience = {"category": [{"coding": [{"system": "urn:maillage:audience", "code": "care-only"}]}]}
    diagnosis = [{"condition": ref(f"Condition/problem.{person}")}]
    yield named("Encounter", "stay", status="finished", diagnosis=diagnosis, **{"class": {"code": "AMB"}}, **subject)
    yield named("CarePlan", "plan", status="active", intent="plan", title=words("plan"), **subject)
    for name, more in (("note", {}), ("for-nurse", {"recipient": [ref("Practitioner/nurse")]}), ("care-only", audience)):
        yield named("Communication", name, status="completed", payload=[{"contentString": words(name)}], **more, **subject)
    yield message("talk")
    yield message("talk-pro", "professionals")
    yield message("talk-care", "care-only", "professionals")
    yield message("talk-nurse", recipient=[ref("Practitioner/nurse")])
    yield named(
        "Coverage", "money", status="active", type={"text": words("money")}, beneficiary=ref(f"Patient/{person}"), payor=[{"display": "x"}],
        meta={"security": [{"system": "urn:maillage:audience", "code": "social-only"}]},
    )  # fmt: skip
    evidence = [{"detail": [ref(f"DocumentReference/{name}.{person}") for name in ("letter", "masked")]}]
    yield named(
        "Condition",
        "problem",
        code={"coding": [{"system": "urn:c", "code": person}], "text": words("problem")},
        evidence=evidence,
        **subject,
    )
    yield named("MedicationStatement", "drug", status="active", medicationCodeableConcept={"text": words("drug")}, **subject)
    yield document("letter", "11490-0")
    yield document("psychiatry", "68599-0")
    yield document("genetics", "51969-4")
    yield document("social", "28653-4")
    yield document("prescription", "57833-6")
    yield document("odd", "00000-0")
    yield document("restricted", "11490-0", CONFIDENTIALITY, "R")
    yield document("very-restricted", "11490-0", CONFIDENTIALITY, "V")
    yield document("masked", "11490-0", VISIBILITY, "MASQUE_PS")
    yield document("unannounced", "11490-0", VISIBILITY, "INVISIBLE_PATIENT")
    yield document("not-for-parents", "11490-0", VISIBILITY, "INVISIBLE_REPRESENTANTS_LEGAUX")
    said = [{"coding": [{"system": "urn:maillage:audience", "code": one}]} for one in ("care-only", "professionals")]
    yield document("joined", "00000-0", category=said)


def relation_to(person: str, relation: str) -> Iterator[Resource]:
    """The Patient, and what relates every reader to them."""
    readers = [ref(f"Practitioner/{reader}") for reader in READERS]
    to = {"subject": ref(f"Patient/{person}")}
    patient: Resource = {"resourceType": "Patient", "id": person, "name": [{"family": person}]}
    yield patient | ({"generalPractitioner": readers} if relation == "gp" else {})
    team = {"resourceType": "CareTeam", "id": f"team.{person}", "status": "active", **to}
    open_stay = {"resourceType": "Encounter", "id": f"open.{person}", "status": "in-progress", "class": {"code": "IMP"}, **to}
    yield from {
        "circle": [team | {"participant": [{"member": one} for one in readers]}],
        "past": [team | {"participant": [{"member": one, "period": {"end": "2026-11-22"}} for one in readers]}],
        "house": [team | {"managingOrganization": [ref(HOUSE)]}],
        "stay": [open_stay | {"participant": [{"individual": one} for one in readers]}],
        "episode": [{
            "resourceType": "EpisodeOfCare", "id": f"episode.{person}", "status": "active", "patient": ref(f"Patient/{person}"),
            "managingOrganization": ref(HOUSE),
        }],
        "today": [appointment(person, "2026-11-23", readers)],
        "tomorrow": [appointment(person, "2026-11-24", readers)],
    }.get(relation, [])  # fmt: skip
    yield from carers(person)


def carers(person: str) -> Iterator[Resource]:
    spans = {"ended": {"period": {"end": "2026-11-22"}}, "not-yet": {"period": {"start": "2026-11-24"}}}
    for reader in SEEN_BY_CARER:
        scope = "whole" if reader in ("ended", "not-yet", "taken-back") else reader
        said = {"extension": [{"url": "urn:maillage:carer-scope", "valueCode": scope}]} if reader != "contact" else {}
        active = {"active": reader != "taken-back"}
        who = {"resourceType": "RelatedPerson", "id": f"{reader}.{person}", "patient": ref(f"Patient/{person}")}
        yield who | active | said | spans.get(reader, {})


def appointment(person: str, day: str, readers: list[dict[str, str]]) -> Resource:
    whom = [{"actor": one, "status": "accepted"} for one in [ref(f"Patient/{person}"), *readers]]
    when = {"start": f"{day}T09:00:00+01:00", "end": f"{day}T09:30:00+01:00"}
    return {"resourceType": "Appointment", "id": f"meeting.{person}", "status": "booked", **when, "participant": whom}


def choice_of(person: str, choice: str) -> Resource | None:
    """The Consent of that choice."""
    role = {"coding": [{"code": "PRCP"}]}
    by_name = [{"role": role, "reference": ref(f"Practitioner/{reader}")} for reader in READERS]
    purposes = {"coordination": "COC", "sharing": "TREAT", "emergency": "ETREAT"}
    provision: Resource = {
        "excluded": {"actor": by_name},
        "withdrawn": {"actor": by_name},
        "house-excluded": {"actor": [{"role": role, "reference": ref(HOUSE)}]},
        "hidden": {"data": [{"meaning": "instance", "reference": ref(f"DocumentReference/letter.{person}")}]},
    }.get(
        choice, {"purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": purposes.get(choice, "")}]}
    )
    if choice == "none":
        return None
    return {
        "resourceType": "Consent", "id": f"consent.{person}", "status": "inactive" if choice == "withdrawn" else "active", "scope": CONSENT_SCOPE,
        "category": [{"text": "choice"}], "patient": ref(f"Patient/{person}"), "policyRule": {"text": "x"},
        "provision": {"type": "deny", **provision},
    }  # fmt: skip


def person_of(relation: str, choice: str) -> str:
    return f"{relation}-{choice}"


def the_actor(reader: str, person: str) -> Actor:
    if reader == "person":
        return Actor(
            id=f"p:{person}", kind=ActorKind.PATIENT, name=person, roles=frozenset({Role.PATIENT}), reference=f"Patient/{person}"
        )
    if reader in SEEN_BY_CARER:
        roles = {Role.CARER, *([Role.REPRESENTATIVE] if reader == "representative" else [])}
        reference = f"RelatedPerson/{reader}.{person}"
        return Actor(id=f"{reader}:{person}", kind=ActorKind.CARER, name=reader, roles=frozenset(roles), reference=reference)
    role, code = READERS[reader]
    return Actor(
        id=reader,
        kind=ActorKind.PROFESSIONAL,
        name=reader,
        roles=frozenset({role}),
        reference=f"Practitioner/{reader}",
        profession=code,
    )


EVERY_CHOICE = ("circle", "gp", "house", "nobody", "emergency")
"""Relations that are tried with every choice; the others give the same sight in other words, and are tried with two."""
PAIRS: list[Pair] = [
    (who, relation, choice)
    for who in (*READERS, "person", *SEEN_BY_CARER)
    for relation in RELATIONS
    for choice in (CHOICES if relation in EVERY_CHOICE and who not in SEEN_BY_CARER else ("none", "excluded"))
]


async def world(access: Access, pairs: list[Pair]) -> None:
    """The people of these pairs, with their records, and the emergencies that the law allows."""
    roles = [
        {"resourceType": "PractitionerRole", "id": one, "practitioner": ref(f"Practitioner/{one}"), "organization": ref(HOUSE)}
        for one in READERS
    ]
    async with access.act(SEED) as ctx:
        await ctx.records.write_all(roles)
    for relation, choice in dict.fromkeys(pair[1:] for pair in pairs):
        person = person_of(relation, choice)
        async with access.act(SEED) as ctx:
            await ctx.records.write_all([*relation_to(person, relation), *records_of(person)])
            if consent := choice_of(person, choice):
                await ctx.records.write(consent)
    for reader, relation, choice in pairs:
        if relation == "emergency" and reader in READERS:
            allowed = opened(reader, relation, choice)
            try:
                async with access.act(the_actor(reader, "")) as ctx:
                    await emergency.open_record(ctx, person_of(relation, choice), reason=Reason.LIFE, words="A reason in words")
            except Forbidden:
                assert not allowed, (reader, choice)
            else:
                assert allowed, (reader, choice)


SIGNED_ONLY = {"for-nurse"}
"""What one was sent is seen by itself; where the person's record is closed, no search of the person leads to it."""
THROUGH_THE_PERSON = ("reverse_include", "summary", "search_in_the_record")


async def check(access: Access, platform: Platform, pairs: list[Pair]) -> int:
    await world(access, pairs)
    app = whole_application(platform)
    clients: dict[str, httpx.AsyncClient] = {}
    checked = 0
    async with AsyncExitStack() as stack:
        for pair in pairs:
            actor = the_actor(pair[0], person_of(*pair[1:]))
            if actor.id not in clients:
                clients[actor.id] = await stack.enter_async_context(
                    await client_of(app, access, actor, accept="application/fhir+json")
                )
            wanted = expected(pair)
            closed = pair[0] in READERS and not opened(*pair)
            kinds = {one["id"].partition(".")[0]: one["resourceType"] for one in records_of(person_of(*pair[1:]))}
            asked = Asked(clients[actor.id], person_of(*pair[1:]), kinds, professional=pair[0] in READERS)
            for way, (seen, could) in (await seen_by_every_way(asked)).items():
                reached = (wanted - SIGNED_ONLY if closed and way in THROUGH_THE_PERSON else wanted) & could
                if way == "include" and "problem" not in reached:
                    reached = set()  # nothing is reached through what is kept
                leaked = seen - wanted
                assert (seen & could, leaked) == (reached, set()), (
                    f"{pair} by {way}: leaked {sorted(leaked)}, refused {sorted(reached - seen)}"
                )
                checked += len(EXPECTED)
    return checked


AT_ONCE: tuple[tuple[str, str | None], ...] = (
    *(
        (kind, None)
        for kind in (
            "CarePlan",
            "Communication",
            "Condition",
            "Coverage",
            "DocumentReference",
            "Encounter",
            "MedicationStatement",
        )
    ),
    ("DocumentReference", "author"),
    ("Communication", "sender"),
)
"""Types searched for all people at once, or for all that one author wrote about them."""


async def test_of_many_people_at_once_as_much_is_found_as_of_each(access: Access) -> None:
    """Sight is looked up for the whole list of people (`Scope.among`): not one record more or less than it opens, nor one person."""
    readers = ("doctor", "nurse", "psychologist", "coordinator", "social")
    pairs = [pair for pair in PAIRS if pair[0] in readers]
    await world(access, pairs)
    for reader in readers:
        seen = {person_of(*pair[1:]): expected(pair) for pair in pairs if pair[0] == reader}
        open_to = {person_of(*pair[1:]) for pair in pairs if pair[0] == reader and opened(*pair)}
        assert 0 < len(open_to) < len(seen)
        everybody = ",".join(f"Patient/{person}" for person in seen)
        for kind, by in AT_ONCE:
            whom = (by, "Practitioner/author") if by else ("patient", everybody)
            asked = [whom, ("_sort", "-_lastUpdated"), ("_count", "60"), ("_include", f"{kind}:patient")]
            matches, included, cursor = list[Resource](), list[Resource](), ""
            async with access.act(the_actor(reader, "")) as ctx:
                while cursor is not None:
                    page = await ctx.records.search(kind, [*asked, *([("_cursor", cursor)] if cursor else [])])
                    matches, included, cursor = [*matches, *page.matches], [*included, *page.included], page.next
            wanted = {
                f"{name}.{person}"
                for person in seen
                for name in (one["id"].partition(".")[0] for one in records_of(person) if one["resourceType"] == kind)
                if name in seen[person] and (by != "sender" or name.startswith("talk"))
            }
            found = {one["id"] for one in matches}
            assert len(found) == len(matches)
            assert {one for one in found if one.partition(".")[0] in EXPECTED} == wanted, (reader, kind, by)
            assert {one["id"] for one in included} == {one.partition(".")[2] for one in found} & open_to, (reader, kind, by)


LISTS = ("/file-active?vue=", "/file-active.csv", "/tournee", "/taches", "/taches?vue=equipe", "/alertes", "/nouveautes", "/messages", "/messages?vue=sujets",
         "/demandes-d-appui", "/demandes-d-appui/envoyees", "/accueil", "/patients", "/agenda", "/planning", "/absences")  # fmt: skip


@pytest.mark.parametrize("reader", ["doctor", "nurse", "coordinator", "social"])
async def test_no_list_of_people_names_somebody_whose_record_is_closed(access: Access, platform: Platform, reader: str) -> None:
    pairs: list[Pair] = [
        (reader, relation, choice)
        for relation in (*RELATIONS[:-1], "emergency")
        for choice in ("none", "excluded", "coordination", "sharing")
    ]
    await world(access, pairs)
    async with await client_of(whole_application(platform), access, the_actor(reader, ""), accept="text/html") as client:
        told = {path: (await client.get(path)).text for path in LISTS}
    for pair in pairs:
        named = re.compile(rf"(?<![\w-]){person_of(*pair[1:])}(?![\w-])", re.IGNORECASE)
        shown = [path for path, text in told.items() if named.search(text)]
        assert opened(*pair) or not shown, (pair, shown)
    known = [path for path, text in told.items() if re.search("circle-none", text, re.IGNORECASE)]
    assert {"/messages"} < set(known), "who may is named"
    assert ("/file-active.csv" in known) is (reader in ("coordinator", "social"))


async def test_a_sample_of_the_matrix(access: Access, platform: Platform) -> None:
    pairs = random.Random(SEED_OF_SAMPLE).sample(PAIRS, SAMPLE)  # not a secret
    assert await check(access, platform, pairs) == SAMPLE * len(WAYS) * len(EXPECTED)


async def test_each_scope_of_a_carer(access: Access, platform: Platform) -> None:
    pairs: list[Pair] = [(scope, "circle", "none") for scope in SEEN_BY_CARER]
    assert await check(access, platform, pairs) == len(pairs) * len(WAYS) * len(EXPECTED)


async def test_what_a_general_practitioner_sees(access: Access, platform: Platform) -> None:
    doctor: list[Pair] = [("doctor", "gp", choice) for choice in ("none", "hidden", "sharing")]
    pairs = [
        *doctor,
        ("nurse", "gp", "hidden"),
        ("coordinator", "gp", "hidden"),
        ("person", "gp", "hidden"),
        ("whole", "gp", "hidden"),
    ]
    assert await check(access, platform, pairs) == len(pairs) * len(WAYS) * len(EXPECTED)


@pytest.mark.parametrize("reader", ["person", "representative"])
async def test_the_copy_of_a_record_holds_what_its_reader_sees(access: Access, reader: str) -> None:
    pair: Pair = (reader, "circle", "hidden")
    person = person_of(*pair[1:])
    await world(access, [pair])
    held = BytesIO()
    async with access.act(the_actor(reader, person)) as ctx:
        await write_copy(ctx, person, held)
    bundle = msgspec.json.decode(zipfile.ZipFile(held).read("dossier.json"))
    ids = {entry["resource"]["id"].removesuffix(f".{person}") for entry in bundle["entry"]}
    assert ids & EXPECTED.keys() == expected(pair)
    with pytest.raises(Forbidden):
        async with access.act(the_actor("whole", person)) as ctx:
            await write_copy(ctx, person, BytesIO())


@pytest.mark.long
async def test_the_whole_matrix(access: Access, platform: Platform) -> None:
    assert await check(access, platform, PAIRS) == len(PAIRS) * len(WAYS) * len(EXPECTED)
