"""Search answers what a slow reading of the standard answers, on random resources, parameters, orders, pages and scopes."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from maillage.db import Connection, Database
from maillage.fhir import ids
from maillage.fhir.change import Change, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import SearchQuery, parse
from maillage.fhir.store import Store
from tests.support.naive_search import PATHS, Naive, main_date
from tests.support.naive_values import SCALES, UCUM

Resource = dict[str, Any]
STORE = Store()
PATIENTS, PRACTITIONERS, OBSERVATIONS = 25, 5, 120
NAMES = ["Martin", "Le Goff", "Lefèvre", "Lefebvre", "L'Haÿ", "Éloïse", "eloise", "Martin-Dupré", "100%", "a_b", "O\\x", "a, b"]
SYSTEMS = ["http://loinc.org", "urn:oid:1.2", None]
CODES = ["8867-4", "8480-6", "x"]
WHEN = ["2024", "2024-03", "2024-03-31", "2024-03-30", "2024-03-31T10:00:00Z", "2024-03-31T10:00:00+02:00", "2023-12-31", "2025"]
REFERRING = {
    "Patient": [("Observation", ["subject", "patient", "performer"]), ("Patient", ["link"])],
    "Practitioner": [("Observation", ["performer"]), ("Patient", ["general-practitioner"])],
    "Observation": [("Observation", ["has-member"])],
}
NUMBERS = ["0", "5", "5.0", "5.4", "5.40", "0.0054", "37", "98.6", "310.15", "100", "1e2", "-3", "5400", "7.05", "1.2e-2"]
URLS = ["http://a.org/p", "http://a.org/p/q", "http://a.org/pq", "http://a.org/p/q/r|1.0", "http://a.org/", "http://a.org"]
OTHER_UNITS = [
    {},
    {"unit": "drops"},
    {"system": "urn:x", "code": "mg", "unit": "mg"},
    {"system": UCUM, "code": "bpm", "unit": "bpm"},
]
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]


class World:
    """Random resources that refer to each other, some with ids that are no UUID."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.patients = [self.id(f"p{i}") for i in range(PATIENTS)]
        self.practitioners = [self.id(f"d{i}") for i in range(PRACTITIONERS)]
        self.observations = [self.id(f"o{i}") for i in range(OBSERVATIONS)]
        self.resources = [
            *(self.practitioner(id) for id in self.practitioners),
            *(self.patient(id) for id in self.patients),
            *(self.observation(id) for id in self.observations),
            *(self.condition(f"c{i}") for i in range(30)),
            *(self.place(f"l{i}") for i in range(30)),
            *(self.sequence(f"m{i}") for i in range(20)),
            *(self.risk(f"r{i}") for i in range(20)),
        ]

    def id(self, text: str) -> str:
        return text if self.random.random() < 0.3 else str(ids.UUID(int=self.random.getrandbits(128), version=4))

    def maybe(self, resource: Resource, chance: float = 0.6, **values: Any) -> None:
        resource.update({name: value for name, value in values.items() if self.random.random() < chance})

    def pick(self, options: list[Any]) -> Any:
        return self.random.choice(options)

    def coding(self) -> Resource:
        coding, system = {"code": self.pick(CODES)}, self.pick(SYSTEMS)
        self.maybe(coding, 0.3, display=self.pick(NAMES))
        return coding | ({"system": system} if system else {})

    def concept(self) -> Resource:
        concept: Resource = {"coding": [self.coding() for _ in range(self.pick([1, 1, 2]))]}
        self.maybe(concept, 0.2, text=self.pick(NAMES))
        return concept

    def period(self) -> Resource:
        start, end = sorted([self.pick(["2022-05-01", "2024-03-30", "2024-03"]), self.pick(["2024-04-01", "2025", "2025-02-03"])])
        return {"start": start, "end": end} if self.random.random() < 0.6 else self.pick([{"start": start}, {"end": end}])

    def to(self, kind: str, among: list[str]) -> Resource:
        return {"reference": f"{kind}/{self.pick(among)}"}

    def name(self) -> Resource:
        name: Resource = {"family": self.pick(NAMES)}
        self.maybe(name, given=[self.pick(NAMES)], text=self.pick(NAMES))
        return name

    def identifier(self) -> Resource:
        identifier: Resource = {"system": "urn:oid:1.2", "value": self.pick(["1", "2", "3"])}
        self.maybe(identifier, 0.4, type=self.concept())
        return identifier

    def practitioner(self, id: str) -> Resource:
        return {"resourceType": "Practitioner", "id": id, "name": [self.name()], "identifier": [self.identifier()]}

    def patient(self, id: str) -> Resource:
        patient: Resource = {"resourceType": "Patient", "id": id}
        self.maybe(
            patient, name=[self.name() for _ in range(self.pick([1, 2]))], birthDate=self.pick(WHEN[:4]), gender=self.pick(["male", "other"]),
            identifier=[self.identifier()], active=self.pick([True, False]), address=[{"city": self.pick(NAMES)}],
            generalPractitioner=[self.to("Practitioner", self.practitioners) for _ in range(self.pick([1, 2]))],
            link=[{"other": self.to("Patient", self.patients), "type": "seealso"}],
        )  # fmt: skip
        self.maybe(patient, 0.6, meta={"profile": [self.pick(URLS) for _ in range(self.pick([1, 2]))]})
        self.maybe(patient, 0.3, deceasedDateTime=self.pick(WHEN))
        return patient

    def observation(self, id: str) -> Resource:
        observation: Resource = {
            "resourceType": "Observation",
            "id": id,
            "status": self.pick(["final", "amended"]),
            "code": self.concept(),
        }
        self.maybe(
            observation, category=[self.concept()], identifier=[self.identifier()],
            performer=[self.pick([self.to("Practitioner", self.practitioners), self.to("Patient", self.patients)])],
            hasMember=[self.to("Observation", self.observations)],
            subject=self.pick([self.to("Patient", self.patients)] * 5 + [{"reference": "Group/g"}]),
        )  # fmt: skip
        observation |= self.pick(
            [
                {},
                {"effectiveDateTime": self.pick(WHEN)},
                {"effectiveDateTime": self.pick(WHEN)},
                {"effectivePeriod": self.period()},
            ]
        )
        observation |= self.pick(
            [
                {},
                {"valueString": self.pick(NAMES)},
                {"valueDateTime": self.pick(WHEN)},
                {"valuePeriod": self.period()},
                *[self.value()] * 4,
            ]
        )
        self.maybe(observation, 0.4, component=[{"code": self.concept(), **self.value()} for _ in range(self.pick([1, 2, 3]))])
        return observation

    def value(self) -> Resource:
        return {"valueQuantity": self.quantity()} if self.random.random() < 0.7 else {"valueCodeableConcept": self.concept()}

    def quantity(self) -> Resource:
        found: Resource = {"value": Decimal(self.pick(NUMBERS))}
        code = self.pick(sorted(SCALES))
        found |= (
            {"system": UCUM, "code": code, "unit": self.pick([code, "u"])}
            if self.random.random() < 0.8
            else self.pick(OTHER_UNITS)
        )
        self.maybe(found, 0.2, comparator=self.pick(["<", "<=", ">", ">="]))
        return found

    def condition(self, id: str) -> Resource:
        of = {"system": UCUM, "code": self.pick(["d", "K", "kg"])}
        low, high = sorted((Decimal(self.pick(NUMBERS)), Decimal(self.pick(NUMBERS))))
        sides = self.pick([{"low": low}, {"high": high}, {"low": low, "high": high}, {"low": high, "high": high}])
        onset = {"onsetRange": {side: {"value": number, **of} for side, number in sides.items()}}
        found = self.pick([onset, onset, {"onsetAge": {"value": low, **of}}, {}])
        return {
            "resourceType": "Condition",
            "id": id,
            "subject": self.to("Patient", self.patients),
            "code": self.concept(),
            **found,
        }

    def place(self, id: str) -> Resource:
        place: Resource = {"resourceType": "Location", "id": id}
        point = {"latitude": self.pick([48.85, 45.76, -17.5, 89.9]), "longitude": self.pick([2.35, 4.84, 179.9, -179.9])}
        self.maybe(place, 0.7, partOf=self.to("Location", [f"l{i}" for i in range(30)]))
        self.maybe(place, 0.9, position={side: Decimal(f"{at:.2f}") for side, at in point.items()}, name=self.pick(NAMES))
        return place

    def sequence(self, id: str) -> Resource:
        sequence: Resource = {"resourceType": "MolecularSequence", "id": id, "coordinateSystem": 0}
        window = {"chromosome": self.concept(), "windowStart": self.pick([1, 5]), "windowEnd": self.pick([6, 100])}
        self.maybe(sequence, 0.8, referenceSeq=window, variant=[{"start": self.pick([2, 5, 95])} for _ in range(2)])
        return sequence

    def risk(self, id: str) -> Resource:
        predictions = [
            {"probabilityDecimal": Decimal(self.pick(["0.005", "5.4", "0.5", "0.50"]))} for _ in range(self.pick([0, 1, 2]))
        ]
        risk = {"resourceType": "RiskAssessment", "id": id, "status": "final", "subject": self.to("Patient", self.patients)}
        return risk | ({"prediction": predictions} if predictions else {})

    def params(self, kind: str) -> list[tuple[str, str]]:
        return [self.param(kind) for _ in range(self.pick([1, 1, 2, 2, 3]))]

    def param(self, kind: str, *, depth: int = 0) -> tuple[str, str]:
        parameter, (form, _) = self.pick(sorted(PATHS[kind].items()))
        draw = self.random.random()
        if draw < 0.05:
            return f"{parameter}:missing", self.pick(["true", "false"])
        if draw < 0.15 + 0.15 * bool(depth) and depth < 3 and kind in REFERRING:
            return self.has(kind, depth)
        if not depth and draw < 0.2:
            return "_id", ",".join(self.pick(self.patients + self.observations) for _ in range(3))
        if form == "reference":
            return self.reference(parameter, depth)
        return getattr(self, f"a_{form}")(parameter)  # type: ignore[no-any-return]  # one of the three below

    def has(self, kind: str, depth: int) -> tuple[str, str]:
        """A reverse chain, whose condition may be a chain or a reverse chain in turn."""
        referring, parameters = self.pick(REFERRING[kind])
        name, value = self.param(referring, depth=depth + 1)
        return f"_has:{referring}:{self.pick(parameters)}:{name}", value

    def reference(self, parameter: str, depth: int) -> tuple[str, str]:
        among = {
            "general-practitioner": ["Practitioner"],
            "performer": ["Practitioner", "Patient"],
            "has-member": ["Observation"],
            "partof": ["Location"],
        }
        target = self.pick(among.get(parameter, ["Patient"]))
        if depth < 3 and self.random.random() < 0.35 + 0.25 * bool(depth):
            name, value = self.param(target, depth=depth + 1)
            return f"{parameter}{self.pick(['', f':{target}']) if parameter in among else f':{target}'}.{name}", value
        ids_of = {"Patient": self.patients, "Practitioner": self.practitioners, "Observation": self.observations}
        id = self.pick(ids_of.get(target, [f"l{i}" for i in range(30)]))
        if target == "Location" and self.random.random() < 0.5:
            return f"{parameter}{self.pick([':above', ':below'])}", f"Location/{id}"
        return self.pick(
            [(parameter, f"{target}/{id}"), (parameter, id), (f"{parameter}:{target}", id), (parameter, f"{target}/{id},other")]
        )

    def a_string(self, parameter: str) -> tuple[str, str]:
        modifier, text = self.pick(["", "", ":exact", ":contains"]), self.pick(NAMES)
        text = text if modifier == ":exact" else text[: self.pick([1, 3, 99])].strip(", ")
        return f"{parameter}{modifier}", text.replace("\\", "\\\\").replace(",", "\\,")

    def a_uri(self, parameter: str) -> tuple[str, str]:
        url, modifier = self.pick(URLS), self.pick(["", ":above", ":below"])
        return f"{parameter}{modifier}", url.split("|")[0] if modifier else url

    def a_token(self, parameter: str) -> tuple[str, str]:
        draw = self.random.random()
        if draw < 0.15 and parameter not in ("gender", "active", "status"):
            return f"{parameter}:text", self.text()
        if draw < 0.3 and parameter == "identifier":
            return "identifier:of-type", f"http://loinc.org|{self.pick(CODES)}|{self.pick(['1', '2', '3'])}"
        codes = {"gender": ["male"], "active": ["true", "false"], "status": ["final"], "identifier": ["1", "2"]}.get(
            parameter, CODES
        )
        system = {"gender": "http://hl7.org/fhir/administrative-gender", "identifier": "urn:oid:1.2"}.get(
            parameter, self.pick(SYSTEMS) or ""
        )
        one = self.pick([self.pick(codes), f"{system}|{self.pick(codes)}", f"|{self.pick(codes)}", f"{system or 'urn:x'}|"])
        return f"{parameter}{self.pick(['', '', ':not'])}", self.pick([one, f"{one},{self.pick(codes)}"])

    def number(self) -> str:
        return f"{self.pick([*PREFIXES, 'ap'])}{self.pick(NUMBERS)}"

    def measured(self) -> str:
        code = self.pick(sorted(SCALES))
        of = ["", f"||{code}", "||drops", "|urn:x|mg", f"|{UCUM}|bpm", *[f"|{UCUM}|{code}"] * 4]
        return f"{self.number()}{self.pick(of)}"

    def several(self, one: str, other: str) -> str:
        return self.pick([one, one, f"{one},{other}"])

    def a_number(self, parameter: str) -> tuple[str, str]:
        return parameter, self.several(self.number(), self.number())

    def a_quantity(self, parameter: str) -> tuple[str, str]:
        return parameter, self.several(self.measured(), self.measured())

    def a_near(self, parameter: str) -> tuple[str, str]:
        at = self.pick(["48.9|2.3", "45.7|4.8", "-17.5|-179.9", "90|0"])
        return parameter, f"{at}|{self.pick(['5', '50', '400', '2000', '20100'])}{self.pick(['', '|km'])}"

    def a_composite(self, parameter: str) -> tuple[str, str]:
        parts = {
            "quantity": self.measured,
            "concept": self.code,
            "string": self.text,
            "date": lambda: self.a_date("")[1].split(",")[0],
        }
        second = parts[parameter.rpartition("-")[2]]
        return parameter, self.several(f"{self.code()}${second()}", f"{self.code()}${second()}")

    def code(self) -> str:
        system, code = self.pick(SYSTEMS) or "", self.pick(CODES)
        return self.pick([code, f"{system}|{code}", f"|{code}", f"{system or 'urn:x'}|"])

    def text(self) -> str:
        return self.pick(NAMES)[: self.pick([1, 3])].strip(", ").replace("\\", "\\\\")

    def a_date(self, parameter: str) -> tuple[str, str]:
        one = f"{self.pick(PREFIXES)}{self.pick(WHEN)}"
        return parameter, self.pick([one, one, f"{one},{self.pick(PREFIXES)}{self.pick(WHEN)}"])


async def pages(
    conn: Connection, kind: str, params: list[tuple[str, str]], scope: Scope
) -> tuple[list[str], list[str], int | None]:
    """Ids of all matches in order, of all included, and the total, page by page."""
    matches: list[str] = []
    included: list[str] = []
    total = cursor = None
    for _ in range(200):
        asked = [*params, ("_total", "accurate"), *([("_cursor", cursor)] if cursor else [])]
        query: SearchQuery = parse(kind, asked)
        page = await STORE.search(conn, query, scope=scope)
        matches += [one["id"] for one in page.matches]
        included += [f"{one['resourceType']}/{one['id']}" for one in page.included]
        total = page.total if total is None else total
        if not (cursor := page.next):
            return matches, included, total
    raise AssertionError("paging does not end")


def in_order(resources: list[Resource], sort: str) -> list[Any]:
    """What must be non-decreasing in an answer sorted by `sort`."""
    nothing = datetime.min.replace(tzinfo=UTC)
    if sort.endswith("_id"):
        return [ids.key(one["id"]).bytes for one in resources]
    return [main_date(one) or nothing for one in resources]


@pytest.mark.parametrize("seed", [5, 6, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(100, 120))])
async def test_search_answers_what_a_slow_reading_answers(database: Database, seed: int) -> None:
    world = World(seed)
    async with database.transaction() as conn:
        await STORE.load(conn, world.resources[: len(world.resources) // 2])
        await STORE.write(conn, [Change(Verb.PUT, r) for r in world.resources[len(world.resources) // 2 :]], scope=Scope.all())
    mine = world.patients[: PATIENTS // 2]
    narrow = Scope(
        "({row}.patient is null or (select true from unnest(%(access_mine)s::uuid[]) m where m = {row}.patient))",
        {"access_mine": [ids.key(id) for id in mine]},
    )
    hidden = {f"Patient/{id}" for id in world.patients if id not in mine}
    hidden |= {f"{r['resourceType']}/{r['id']}" for r in world.resources if r.get("subject", {}).get("reference") in hidden}
    by_reference = {f"{r['resourceType']}/{r['id']}": r for r in world.resources}
    async with database.transaction() as conn:
        for _ in range(200):
            kind = world.pick(
                ["Patient", *["Observation"] * 4, "Practitioner", "Condition", "Location", "MolecularSequence", "RiskAssessment"]
            )
            params = world.params(kind)
            scope, oracle = world.pick([(Scope.all(), Naive(world.resources, set())), (narrow, Naive(world.resources, hidden))])
            expected = {one["id"] for one in oracle.search(kind, params)}
            sort = world.pick(
                [
                    "",
                    "",
                    "_id",
                    "-_id",
                    *({"Patient": ["birthdate", "-birthdate"], "Observation": ["date", "-date"]}.get(kind, [])),
                ]
            )
            more = [("_sort", sort)] if sort else []
            matches, _, total = await pages(conn, kind, [*params, *more, ("_count", str(world.pick([1, 3, 7, 50])))], scope)
            said = (seed, kind, params, sort)
            assert (sorted(matches), total) == (sorted(expected), len(expected)), said
            if sort:
                keys = in_order([by_reference[f"{kind}/{id}"] for id in matches], sort)
                assert keys == sorted(keys, reverse=sort.startswith("-")), said


@pytest.mark.parametrize("seed", range(2))
async def test_includes_answer_what_is_referred_to_and_may_be_seen(database: Database, seed: int) -> None:
    world = World(100 + seed)
    async with database.transaction() as conn:
        await STORE.load(conn, world.resources)
    mine = world.patients[: PATIENTS // 2]
    narrow = Scope("coalesce({row}.patient = any(%(access_mine)s::uuid[]), true)", {"access_mine": [ids.key(id) for id in mine]})
    seen = Naive(world.resources, {f"Patient/{id}" for id in world.patients if id not in mine})
    visible = {
        reference
        for reference, one in seen.by_reference.items()
        if not one.get("subject", {}).get("reference", "").startswith("Patient/")
        or one["subject"]["reference"] in seen.by_reference
    }
    async with database.transaction() as conn:
        for parameter in ("subject", "performer", "has-member"):
            params = [("code", world.pick(CODES)), ("_count", "1000"), ("_include", f"Observation:{parameter}")]
            matches, included, _ = await pages(conn, "Observation", params, narrow)
            referred = {to for id in matches for to in seen.references(seen.by_reference[f"Observation/{id}"], parameter)}
            assert sorted(included) == sorted((referred & visible) - {f"Observation/{id}" for id in matches}), parameter
        for parameter in ("subject", "performer"):
            params = [("gender", "male"), ("_count", "1000"), ("_revinclude", f"Observation:{parameter}")]
            matches, included, _ = await pages(conn, "Patient", params, narrow)
            wanted = {f"Patient/{id}" for id in matches}
            referring = {
                r
                for r in visible
                if r.startswith("Observation/") and wanted & set(seen.references(seen.by_reference[r], parameter))
            }
            assert sorted(included) == sorted(referring), parameter
