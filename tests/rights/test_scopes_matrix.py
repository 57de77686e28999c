"""What a software sees with its scopes, by every way of asking through HTTP: what both the person and the scopes open, and nothing else.

What is expected is written here by hand, record by record, from SMART App Launch 2.2 and ADR 0033; it shares nothing with the code that
decides. The whole is long (`make test-long`); a sample of cases runs each time.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import httpx
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.platform import Platform
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.support.pages import client_of
from tests.support.people import DOCTOR, SEED

Resource = dict[str, Any]

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VISIBILITY = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
LAB, VITAL = f"category={CATEGORY}|laboratory", f"category={CATEGORY}|vital-signs"
PEOPLE = ("p", "q")

OBS_P, OBS_Q = ({f"Observation/{one}.{who}" for one in ("lab", "vital", "moved")} for who in PEOPLE)
SHOWN_P, SHOWN_Q = ({f"Patient/{who}", f"Condition/problem.{who}", f"DocumentReference/doc.{who}"} for who in PEOPLE)
MASKED_P, MASKED_Q = {"DocumentReference/masked.p"}, {"DocumentReference/masked.q"}
DIRECTORY = {"Practitioner/gp", "Organization/house"}
DOCTOR_P, DOCTOR_Q = OBS_P | SHOWN_P, OBS_Q | SHOWN_Q
ALL = DOCTOR_P | DOCTOR_Q | MASKED_P | MASKED_Q | DIRECTORY
EVERY_TYPE = {name.partition("/")[0] for name in ALL}


class Case(NamedTuple):
    """Who asks, on whose record, with which scopes; by hand: which names are read and searched, and the types of which anything is opened."""

    who: str
    on: str | None
    scopes: str
    read: set[str]
    searched: set[str]
    read_types: set[str]
    searched_types: set[str]
    first_versions: set[str] | None = None
    """The names of which version 1 is read, where it is not `read`."""


def same(who: str, on: str | None, scopes: str, names: set[str], types: set[str], **more: Any) -> Case:
    return Case(who, on, scopes, names, names, types, types, **more)


CASES = [
    same("doctor", "p", "patient/*.rs", DOCTOR_P | DIRECTORY, EVERY_TYPE),
    same("doctor", "p", "patient/Observation.rs", OBS_P, {"Observation"}),
    same("doctor", "p", f"patient/Observation.rs?{LAB}", {"Observation/lab.p"}, {"Observation"}),
    Case("doctor", "p", "patient/Observation.r patient/Condition.s", OBS_P, {"Condition/problem.p"}, {"Observation"}, {"Condition"}),
    same("doctor", None, "user/*.rs", DOCTOR_P | DOCTOR_Q | DIRECTORY, EVERY_TYPE),
    same(
        "doctor", None, f"user/Patient.rs user/Observation.rs?{VITAL}",
        {"Patient/p", "Patient/q", *(f"Observation/{one}.{who}" for one in ("vital", "moved") for who in PEOPLE)}, {"Patient", "Observation"},
        first_versions={"Patient/p", "Patient/q", "Observation/vital.p", "Observation/vital.q"},
    ),
    same("doctor", "p", f"patient/Observation.rs?{LAB} user/Practitioner.rs", {"Observation/lab.p", "Practitioner/gp"}, {"Observation", "Practitioner"}),
    same("doctor", None, "patient/*.rs", set(), set()),
    same("doctor", "p", "", set(), set()),
    same("doctor", "p", "system/*.cruds", set(), set()),
    same("doctor", "p", "patient/*.cud", set(), set()),
    same("doctor", "p", "openid fhirUser launch/patient", set(), set()),
    same("doctor", "q", "patient/Condition.read", {"Condition/problem.q"}, {"Condition"}),
    same("doctor", "p", "patient/Observation.rs?patient=Patient/q", set(), {"Observation"}),
    same("doctor", None, f"user/Observation.rs?_id=lab.p,vital.q&{LAB}", {"Observation/lab.p"}, {"Observation"}),
    same("doctor", "p", "patient/DocumentReference.rs?subject=Patient/p", {"DocumentReference/doc.p"}, {"DocumentReference"}),
    same("doctor", None, "user/Observation.rs?performer=Practitioner/gp", {"Observation/lab.p", "Observation/lab.q"}, {"Observation"}),
    same("doctor", "stranger", "patient/*.rs", DIRECTORY, EVERY_TYPE),
    same("doctor", "p", f"patient/Observation.rs?{LAB} user/Observation.rs?{VITAL}",
         {"Observation/lab.p", *(f"Observation/{one}.{who}" for one in ("vital", "moved") for who in PEOPLE)}, {"Observation"},
         first_versions={"Observation/lab.p", "Observation/vital.p", "Observation/vital.q", "Observation/moved.p"}),
    same("doctor", "p", f"patient/Observation.rs user/Observation.rs?{VITAL}", OBS_P | {"Observation/vital.q", "Observation/moved.q"}, {"Observation"},
         first_versions=OBS_P | {"Observation/vital.q"}),
    same("person", "p", "patient/*.rs", DOCTOR_P | MASKED_P | DIRECTORY, EVERY_TYPE),
    same("person", "p", "user/Condition.rs", {"Condition/problem.p"}, {"Condition"}),
    same("person", "q", "patient/*.rs", DIRECTORY, EVERY_TYPE),
    Case("person", "p", "patient/DocumentReference.rs patient/Patient.r", {"DocumentReference/doc.p", *MASKED_P, "Patient/p"},
         {"DocumentReference/doc.p", *MASKED_P}, {"DocumentReference", "Patient"}, {"DocumentReference"}),
    same("machine", None, f"system/Observation.rs?{LAB}", {"Observation/lab.p", "Observation/lab.q"}, {"Observation"}),
    same("machine", None, "system/*.read", ALL, EVERY_TYPE),
    same("machine", None, "user/*.rs patient/*.rs", set(), set()),
    Case("machine", None, "system/Patient.r system/Condition.s", {"Patient/p", "Patient/q"}, {"Condition/problem.p", "Condition/problem.q"},
         {"Patient"}, {"Condition"}),
]  # fmt: skip
SAMPLE = (0, 5, 22)


def actor(case: Case) -> Actor:
    scopes = frozenset(case.scopes.split())
    on = f"Patient/{case.on}" if case.on else None
    if case.who == "machine":
        return Actor(id="m", kind=ActorKind.SYSTEM, name="Machine", roles=frozenset({Role.SYSTEM}), scopes=scopes)
    if case.who == "person":
        return Actor(
            id=f"patient:{case}", kind=ActorKind.PATIENT, name="P", roles=frozenset({Role.PATIENT}), reference="Patient/p",
            client="app", patient=on, scopes=scopes,
        )  # fmt: skip
    return Actor(
        id=f"gp:{case}", kind=ActorKind.PROFESSIONAL, name="Dr GP", roles=frozenset({Role.GP}), profession=DOCTOR, reference="Practitioner/gp",
        client="app", patient=on, scopes=scopes,
    )  # fmt: skip


def observation(name: str, who: str, category: str, **more: Any) -> Resource:
    return {
        "resourceType": "Observation", "id": f"{name}.{who}", "status": "final", "code": {"text": name},
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}], "subject": {"reference": f"Patient/{who}"},
        "effectiveDateTime": f"2026-10-0{len(name) % 9 + 1}", **more,
    }  # fmt: skip


def document(name: str, who: str, *labels: str) -> Resource:
    security = {"securityLabel": [{"coding": [{"system": VISIBILITY, "code": label}]} for label in labels]} if labels else {}
    return {
        "resourceType": "DocumentReference", "id": f"{name}.{who}", "status": "current", "subject": {"reference": f"Patient/{who}"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]},
        "content": [{"attachment": {"contentType": "application/pdf", "url": "urn:x"}}], **security,
    }  # fmt: skip


def records_of(who: str) -> list[Resource]:
    subject = {"subject": {"reference": f"Patient/{who}"}}
    return [
        {"resourceType": "Patient", "id": who, "name": [{"family": f"Famille-{who}"}]},
        {"resourceType": "CareTeam", "id": f"team.{who}", "status": "active", "participant": [{"member": {"reference": "Practitioner/gp"}}], **subject},
        observation("lab", who, "laboratory", performer=[{"reference": "Practitioner/gp"}]),
        observation("vital", who, "vital-signs"),
        observation("moved", who, "laboratory"),
        {"resourceType": "Condition", "id": f"problem.{who}", "code": {"text": "x"}, **subject},
        document("doc", who),
        document("masked", who, "MASQUE_PS"),
    ]  # fmt: skip


async def world(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write_all(
            [
                {"resourceType": "Practitioner", "id": "gp"},
                {"resourceType": "Organization", "id": "house", "name": "House"},
                {"resourceType": "Patient", "id": "stranger"},
            ]
        )
        for who in PEOPLE:
            await ctx.records.write_all(records_of(who))
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([observation("moved", who, "vital-signs") for who in PEOPLE])


def refused(answer: httpx.Response) -> bool:
    """Whether the scopes do not open this, said as RFC 6750 and FHIR say it."""
    if answer.status_code != 403:
        return False
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert answer.json()["issue"][0]["code"] == "forbidden"
    return True


def names(bundle: Resource) -> set[str]:
    found = [entry["resource"] for entry in bundle.get("entry", []) if "resource" in entry]
    return {f"{one['resourceType']}/{one['id']}" for one in found} & ALL


def of(kind: str, some: set[str]) -> set[str]:
    return {name for name in some if name.startswith(f"{kind}/")}


class Asking:
    """One case, asked by every way; each method says what was seen, None where it was refused, beside what was expected."""

    def __init__(self, case: Case, client: httpx.AsyncClient) -> None:
        self.case = case
        self.client = client
        self.asked = 0

    async def get(self, path: str) -> Resource | None:
        self.asked += 1
        answer = await self.client.get(f"/fhir/{path}")
        if refused(answer):
            return None
        assert answer.status_code in (200, 404), (self.case, path, answer.text)
        found: Resource = answer.json()
        return found

    def check(self, way: str, seen: set[str] | None, wanted: set[str] | None) -> None:
        assert seen == wanted, f"{self.case.who} on {self.case.on} with {self.case.scopes!r} by {way}: {seen} and not {wanted}"

    async def reads(self) -> None:
        firsts = self.case.read if self.case.first_versions is None else self.case.first_versions
        for name in sorted(ALL):
            open_type = name.partition("/")[0] in self.case.read_types
            for way, there in (("", name in self.case.read), ("/_history/1", name in firsts)):
                found = await self.get(name + way)
                seen = None if found is None else {name} if found["resourceType"] != "OperationOutcome" else set()
                self.check(f"read {name}{way}", seen, ({name} if there else set()) if open_type else None)
            past = await self.get(f"{name}/_history")
            versions = None if past is None else [entry["resource"]["meta"]["versionId"] for entry in past.get("entry", [])]
            kept = [version for version in ("2", "1") if self._has_version(name, version, firsts)]
            assert versions == (kept if open_type else None), (self.case, name, versions)

    def _has_version(self, name: str, version: str, firsts: set[str]) -> bool:
        if version == "2":
            return name in self.case.read and "moved" in name
        return name in firsts

    async def batch(self) -> None:
        entries = [{"request": {"method": "GET", "url": name}} for name in sorted(ALL)]
        answer = await self.client.post("/fhir", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
        statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
        wanted = [
            "200" if name in self.case.read else "404" if name.partition("/")[0] in self.case.read_types else "403"
            for name in sorted(ALL)
        ]
        assert statuses == wanted, self.case

    async def searches(self) -> None:
        for kind in sorted(EVERY_TYPE):
            wanted = of(kind, self.case.searched) if kind in self.case.searched_types else None
            ids = ",".join(name.partition("/")[2] for name in sorted(of(kind, ALL)))
            for way in (
                f"{kind}?_count=100&_total=accurate&_id={ids}",
                f"{kind}?_count=100&_total=accurate&_sort=-_lastUpdated&_id={ids}",
            ):
                found = await self.get(way)
                self.check(way, None if found is None else names(found), wanted)
                assert found is None or found["total"] == len(wanted or ()), (self.case, way)
            counted = await self.get(f"{kind}?_summary=count&_id={ids}")
            assert counted is None if wanted is None else counted and counted["total"] == len(wanted), (self.case, kind)
            past = await self.get(f"{kind}/_history?_count=100")
            self.check(f"{kind}/_history", None if past is None else names(past), wanted)
            answer = await self.client.post(f"/fhir/{kind}/_search", data={"_id": ids, "_count": "100"})
            self.check("POST _search", None if refused(answer) else names(answer.json()), wanted)

    async def several(self) -> None:
        any_type = self.case.searched if self.case.searched_types else None
        ids = ",".join(name.partition("/")[2] for name in sorted(ALL))
        found = await self.get(f"?_id={ids}&_count=200")
        self.check("several types", None if found is None else names(found), any_type)
        found = await self.get("_history?_count=200")
        self.check("history of all", None if found is None else names(found), any_type)
        found = await self.get(f"?_type=Observation,Condition&_id={ids}&_count=200")
        both = {"Observation", "Condition"} <= self.case.searched_types
        self.check(
            "_type",
            None if found is None else names(found),
            of("Observation", self.case.searched) | of("Condition", self.case.searched) if both else None,
        )

    async def walks(self) -> None:
        """One by one in an order: what is not seen takes no place in it."""
        wanted = of("Observation", self.case.searched) if "Observation" in self.case.searched_types else None
        seen: set[str] | None = set()
        path: str | None = "Observation?_sort=date&_count=1"
        while path and seen is not None:
            found = await self.get(path)
            if found is None:
                seen = None
                break
            assert len(found.get("entry", [])) <= 1
            seen |= names(found)
            following = [link["url"] for link in found["link"] if link["relation"] == "next"]
            path = following[0].partition("/fhir/")[2] if following else None
        self.check("pages of one", seen, wanted)

    async def steps(self) -> None:
        """Includes, chains, `_has`: nothing is reached, or told by a match, through what is not searched."""
        searched, types = self.case.searched, self.case.searched_types
        for who, own in (("p", DOCTOR_P | MASKED_P), ("q", DOCTOR_Q | MASKED_Q)):
            lab, patient = f"Observation/lab.{who}", f"Patient/{who}"
            found = await self.get(f"Observation?_id=lab.{who}&_include=Observation:performer&_include=Observation:patient")
            reached = {lab, patient, "Practitioner/gp"} & searched if lab in searched else set()
            self.check("_include", None if found is None else names(found), reached if "Observation" in types else None)
            found = await self.get(f"Patient?_id={who}&_revinclude=*&_count=100")
            self.check(
                "_revinclude",
                None if found is None else names(found),
                (own & searched if patient in searched else set()) if "Patient" in types else None,
            )
            found = await self.get(f"Observation?_id=lab.{who}&patient.family=Famille-{who}")
            self.check(
                "chain",
                None if found is None else names(found),
                ({lab} if {lab, patient} <= searched else set()) if "Observation" in types else None,
            )
            found = await self.get(f"Patient?_id={who}&_has:Observation:patient:{LAB}")
            self.check(
                "_has",
                None if found is None else names(found),
                ({patient} if {lab, patient} <= searched else set()) if "Patient" in types else None,
            )
            found = await self.get(f"Patient/{who}/Observation?_count=100")
            self.check(
                "compartment",
                None if found is None else names(found),
                own & of("Observation", searched) if "Observation" in types else None,
            )
            found = await self.get(f"Patient/{who}/$everything?_count=100")
            whole = (own & searched if patient in searched else set()) if "Patient" in types & self.case.read_types else None
            self.check("$everything", None if found is None else names(found) & own, whole)

    async def pages(self) -> None:
        """No page opens, for whoever: those of the platform are for people."""
        if self.case.who == "machine":
            return
        for path in ("/", "/dossiers", "/live"):
            answer = await self.client.get(path, headers={"Accept": "text/html"})
            assert answer.status_code in (403, 404), (self.case, path, answer.status_code)

    async def all(self) -> int:
        ways: tuple[Callable[[], Awaitable[None]], ...] = (
            self.reads, self.batch, self.searches, self.several, self.walks, self.steps, self.pages,
        )  # fmt: skip
        for way in ways:
            await way()
        return self.asked


async def check(access: Access, platform: Platform, cases: list[Case]) -> int:
    await world(access)
    app = create_app(platform, fhir_routes())
    asked = 0
    for case in cases:
        async with await client_of(app, access, actor(case), accept="application/fhir+json") as client:
            asked += await Asking(case, client).all()
    return asked


async def test_a_sample_of_what_scopes_open(access: Access, platform: Platform) -> None:
    assert await check(access, platform, [CASES[place] for place in SAMPLE]) > 200


@pytest.mark.long
async def test_all_that_scopes_open(access: Access, platform: Platform) -> None:
    assert await check(access, platform, CASES) > 2_000
