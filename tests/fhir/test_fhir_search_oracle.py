"""Search answers what a slow reading of the standard answers, on random resources, parameters, orders, pages and scopes."""

import random
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from maillage.db import Connection, Database
from maillage.fhir import definitions, ids
from maillage.fhir.change import Change, Verb
from maillage.fhir.compartment import home, patient_of
from maillage.fhir.index import index
from maillage.fhir.scope import Scope
from maillage.fhir.search import SearchQuery, SeveralQuery, parse, parse_several
from maillage.fhir.search.commons import NOTHING, Commons
from maillage.fhir.search.drivers import Drive
from maillage.fhir.search.plan import plan
from maillage.fhir.store import Store
from tests.support.naive_search import PATHS, Naive, Tree, reference_to, sort_value
from tests.support.naive_values import SCALES, UCUM
from tests.support.naive_words import FORMS, STOPPED

Resource = dict[str, Any]
STORE = Store()
PATIENTS, PRACTITIONERS, OBSERVATIONS, LISTS = 25, 5, 120, 5
NAMES = ["Martin", "Le Goff", "Lefèvre", "Lefebvre", "L'Haÿ", "Éloïse", "eloise", "Martin-Dupré", "100%", "a_b", "O\\x", "a, b"]
SYSTEMS = ["http://loinc.org", "urn:oid:1.2", None]
CODES = ["8867-4", "8480-6", "x"]
WHEN = ["2024", "2024-03", "2024-03-31", "2024-03-30", "2024-03-31T10:00:00Z", "2024-03-31T10:00:00+02:00", "2023-12-31", "2025"]
SORTED = {
    "Patient": ["birthdate", "family", "name", "gender", "active", "death-date", "identifier"],
    "Observation": ["date", "status", "code", "value-string", "value-date"],
    "Practitioner": ["family", "identifier"],
    "List": ["title", "status"],
    "RiskAssessment": ["probability"],
    "MolecularSequence": ["variant-start", "window-end", "chromosome"],
}
NUMBERS = ["0", "5", "5.0", "5.4", "5.40", "0.0054", "37", "98.6", "310.15", "100", "1e2", "-3", "5400", "7.05", "1.2e-2"]
URLS = ["http://a.org/p", "http://a.org/p/q", "http://a.org/pq", "http://a.org/p/q/r|1.0", "http://a.org/", "http://a.org"]
OTHER_UNITS = [
    {},
    {"unit": "drops"},
    {"system": "urn:x", "code": "mg", "unit": "mg"},
    {"system": UCUM, "code": "bpm", "unit": "bpm"},
]
COMPARED = ("string", "date", "token", "reference", "number", "quantity")
REFERRED = {
    "general-practitioner": ["Practitioner"],
    "performer": ["Practitioner", "Patient"],
    "has-member": ["Observation"],
    "partof": ["Location"],
    "item": ["Patient", "Observation", "Practitioner"],
}
REFERRING = {
    "Patient": [("Observation", ["subject", "patient", "performer"]), ("Patient", ["link"]), ("List", ["subject", "item"])],
    "Practitioner": [("Observation", ["performer"]), ("Patient", ["general-practitioner"])],
    "Observation": [("Observation", ["has-member"]), ("List", ["item"])],
    "List": [("List", ["item"])],
}
INCLUDES = {
    "Observation": [
        ("_include", "Observation:subject"), ("_include", "Observation:performer:Patient"), ("_include", "Observation:*"), ("_include", "*"),
        ("_revinclude", "Observation:has-member"), ("_revinclude", "*"),
    ],
    "Patient": [
        ("_revinclude", "Observation:subject"), ("_revinclude", "Observation:*"), ("_revinclude", "*"), ("_include", "Patient:link"),
    ],
    "List": [("_include", "List:item"), ("_include", "List:item:Observation"), ("_include", "*")],
}  # fmt: skip
ITERATED = [
    ("_include:iterate", "Observation:has-member"), ("_include:iterate", "Observation:subject"), ("_include:iterate", "Patient:link"),
    ("_include:iterate", "Patient:general-practitioner"), ("_revinclude:iterate", "Observation:performer:Practitioner"),
    ("_include:iterate", "Patient:*"),
]  # fmt: skip
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]


class World:
    """Random resources that refer to each other, some with ids that are no UUID."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.patients = [self.id(f"p{i}") for i in range(PATIENTS)]
        self.practitioners = [self.id(f"d{i}") for i in range(PRACTITIONERS)]
        self.observations = [self.id(f"o{i}") for i in range(OBSERVATIONS)]
        self.lists = [self.id(f"l{i}") for i in range(LISTS)]
        self.places = [f"l{i}" for i in range(30)]
        self.resources = [
            *(self.practitioner(id) for id in self.practitioners),
            *(self.patient(id) for id in self.patients),
            *(self.observation(id) for id in self.observations),
            *(self.condition(f"c{i}") for i in range(30)),
            *(self.place(id) for id in self.places),
            *(self.sequence(f"m{i}") for i in range(20)),
            *(self.risk(f"r{i}") for i in range(20)),
            *(self.a_list(id) for id in self.lists),
        ]
        self.filters: dict[str, Tree] = {}

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
        reference: Resource = {"reference": f"{kind}/{self.pick(among)}"}
        self.maybe(reference, 0.2, identifier=self.pick([self.identifier(), {"value": self.pick(["1", "2"])}]))
        return reference

    def elsewhere(self) -> Resource:
        """A reference to what is known by its identifier only."""
        return {"identifier": self.identifier(), "type": "Practitioner"}

    def narrative(self, resource: Resource) -> None:
        words = [
            self.pick([*(form for forms in FORMS.values() for form in forms), *STOPPED]) for _ in range(self.pick([1, 3, 8]))
        ]
        div = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{" ".join(words)}</p></div>'
        self.maybe(resource, 0.6, text={"status": "generated", "div": div})

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
        self.narrative(patient)
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
            performer=[self.pick([self.to("Practitioner", self.practitioners), self.to("Patient", self.patients), self.elsewhere()])],
            hasMember=[self.to("Observation", self.observations)],
            subject=self.pick([self.to("Patient", self.patients)] * 5 + [{"reference": "Group/g"}]),
        )  # fmt: skip
        self.narrative(observation)
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
        self.maybe(place, 0.7, partOf=self.to("Location", self.places))
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

    def a_list(self, id: str) -> Resource:
        among = {"Patient": self.patients, "Practitioner": self.practitioners, "Observation": self.observations}
        entries = [{"item": self.to(kind, among[kind])} for kind in self.random.choices(sorted(among), k=20)]
        one: Resource = {
            "resourceType": "List",
            "id": id,
            "status": self.pick(["current", "retired"]),
            "mode": "working",
            "entry": entries,
        }
        self.maybe(one, title=self.pick(NAMES), subject=self.to("Patient", self.patients))
        return one

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
        if not depth and draw < 0.25:
            return "_list", ",".join(self.pick([*self.lists, "other"]) for _ in range(self.pick([1, 2])))
        if not depth and draw < 0.4:
            return self.filter(kind)
        if draw < 0.46 and kind in ("Patient", "Observation"):
            return "_text", self.words()
        if form == "reference":
            return self.reference(parameter, depth)
        return getattr(self, f"a_{form}")(parameter)  # type: ignore[no-any-return]  # one of the three below

    def has(self, kind: str, depth: int) -> tuple[str, str]:
        """A reverse chain, whose condition may be a chain or a reverse chain in turn."""
        referring, parameters = self.pick(REFERRING[kind])
        name, value = self.param(referring, depth=depth + 1)
        return f"_has:{referring}:{self.pick(parameters)}:{name}", value

    def reference(self, parameter: str, depth: int) -> tuple[str, str]:
        among = REFERRED
        target = self.pick(among.get(parameter, ["Patient"]))
        if depth < 3 and self.random.random() < 0.35 + 0.25 * bool(depth):
            name, value = self.param(target, depth=depth + 1)
            return (
                f"{parameter}{self.pick(['', f':{target}']) if parameter in among and parameter != 'item' else f':{target}'}.{name}",
                value,
            )
        if self.random.random() < 0.2:
            return f"{parameter}:identifier", self.several(self.a_coding("identifier"), self.a_coding("identifier"))
        id = self.pick(self.of(target))
        if target == "Location" and self.random.random() < 0.5:
            return f"{parameter}{self.pick([':above', ':below'])}", f"Location/{id}"
        return self.pick(
            [(parameter, f"{target}/{id}"), (parameter, id), (f"{parameter}:{target}", id), (parameter, f"{target}/{id},other")]
        )

    def filter(self, kind: str) -> tuple[str, str]:
        text, tree = self.filtered(kind, self.pick([0, 1, 2]))
        self.filters[text] = tree
        return "_filter", text

    def filtered(self, kind: str, depth: int) -> tuple[str, Tree]:
        """A filter as text and as what it means; brackets everywhere, or `and` within `or` without."""
        if not depth:
            return self.comparison(kind, "", 2)
        (left, one), (right, other) = (self.filtered(kind, depth - 1) for _ in range(2))
        match self.pick(["and", "or", "not", "mixed"]):
            case "not":
                return f"not({left})", ("not", one)
            case "mixed":
                (a, first), (b, second), (c, third) = (self.comparison(kind, "", 1) for _ in range(3))
                return f"{a} or {b} and {c}", ("or", first, ("and", second, third))
            case word:
                return f"({left}) {word} ({right})", (word, one, other)

    def comparison(self, kind: str, path: str, depth: int) -> tuple[str, Tree]:
        plain = [one for one in sorted(PATHS[kind].items()) if one[1][0] in COMPARED]
        parameter, (form, _) = self.pick(plain)
        if self.random.random() < 0.1:
            operator, value = "pr", self.pick(["true", "false"])
        elif form == "string":
            operator, value = self.pick(["eq", "ne", "co", "sw", "ew"]), self.pick(NAMES)
        elif form == "date":
            operator, value = self.pick([*PREFIXES[1:], "po"]), self.pick(WHEN)
        elif form == "token":
            operator, value = self.pick(["eq", "ne"]), self.a_coding(parameter)
        elif form in ("number", "quantity"):
            operator, value = self.pick([*PREFIXES[1:], "ap"]), self.pick(NUMBERS) + (self.unit() if form == "quantity" else "")
        else:
            target = self.pick(REFERRED.get(parameter, ["Patient"]))
            if depth and self.random.random() < 0.5:
                text, (below, operator, value) = self.comparison(target, "", depth - 1)
                typed = parameter if parameter == "performer" else f"{parameter}:{target}"
                if ":" not in below:
                    return f"{typed}.{text}", (
                        f"{parameter}.{below}" if typed == parameter else f"{parameter}:{target}.{below}",
                        operator,
                        value,
                    )
            operator, value = self.pick(["eq", "ne"]), f"{target}/{self.pick(self.of(target))}"
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{parameter} {operator} "{escaped}"', (parameter, operator, value)

    def of(self, kind: str) -> list[str]:
        return {
            "Patient": self.patients,
            "Practitioner": self.practitioners,
            "Observation": self.observations,
            "Location": self.places,
        }[kind]

    def sort(self, kind: str) -> list[str]:
        """None, or up to three keys of `_sort`."""
        keys = ["_id", *SORTED.get(kind, ())]
        return [self.pick(["", "-"]) + key for key in self.random.sample(keys, min(self.pick([0, 0, 1, 1, 2, 3]), len(keys)))]

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
        one = self.a_coding(parameter)
        return f"{parameter}{self.pick(['', '', ':not'])}", self.pick([one, f"{one},{self.a_coding(parameter)}"])

    def a_coding(self, parameter: str) -> str:
        codes = {"gender": ["male"], "active": ["true", "false"], "status": ["final"], "identifier": ["1", "2"]}.get(
            parameter, CODES
        )
        system = {"gender": "http://hl7.org/fhir/administrative-gender", "identifier": "urn:oid:1.2"}.get(
            parameter, self.pick(SYSTEMS) or ""
        )
        code = self.pick(codes)
        return str(self.pick([code, f"{system}|{code}", f"|{code}", f"{system or 'urn:x'}|"]))

    def number(self) -> str:
        return f"{self.pick([*PREFIXES, 'ap'])}{self.pick(NUMBERS)}"

    def measured(self) -> str:
        return f"{self.number()}{self.unit()}"

    def unit(self) -> str:
        code = self.pick(sorted(SCALES))
        of: list[str] = ["", f"||{code}", "||drops", "||bpm", "|urn:x|mg", *[f"|{UCUM}|{code}"] * 4]
        return str(self.pick(of))

    def words(self) -> str:
        """One to three words, a phrase, alternatives, or what must not be there; alternatives by a comma too."""
        a, b, c = (self.pick(self.pick(list(FORMS.values()))) for _ in range(3))
        return str(
            self.pick(
                [
                    a,
                    b,
                    f"{a} {b}",
                    f'"{a} {b}"',
                    f"{a} OR {b} {c}",
                    f"{a} -{b}",
                    f'{c} -"{a} {b}"',
                    f"{a},{b} {c}",
                    f"{self.pick(STOPPED)} {a}",
                ]
            )
        )

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


Ask = Callable[[list[tuple[str, str]]], SearchQuery | SeveralQuery]


async def pages(
    conn: Connection, ask: Ask, params: list[tuple[str, str]], scope: Scope
) -> tuple[list[str], list[str], int | None]:
    """All matches in order, all that was included (`Type/id`), and the total, page by page."""
    matches: list[str] = []
    included: list[str] = []
    total = cursor = None
    for _ in range(250):
        page = await STORE.search(
            conn, ask([*params, ("_total", "accurate"), *([("_cursor", cursor)] if cursor else [])]), scope=scope
        )
        matches += [reference_to(one) for one in page.matches]
        included += [reference_to(one) for one in page.included]
        total = page.total if total is None else total
        if not (cursor := page.next):
            return matches, included, total
    raise AssertionError("paging does not end")


def of(kind: str, within: tuple[str, str] | None = None) -> Ask:
    return lambda params: parse(kind, params, within=within)


def in_order(found: list[Resource], sort: list[str]) -> bool:
    """Whether no resource of an answer sorted so belongs before the one in front of it."""
    for before, after in pairwise(found):
        for key in sort:
            code, descending = key.removeprefix("-"), key.startswith("-")
            first, second = (sort_value(one, code, descending) for one in (before, after))
            if first != second:
                if (first > second) != descending:
                    return False
                break
    return True


class Seen:
    """A world in the store, as everybody sees it, as somebody who sees half of its patients, and as somebody who sees their records only."""

    def __init__(self, world: World) -> None:
        mine = world.patients[: PATIENTS // 2]
        narrow = Scope(
            "({row}.patient is null or (select true from unnest(%(access_mine)s::uuid[]) m where m = {row}.patient))",
            {"access_mine": [ids.key(id) for id in mine]},
        )
        hidden = {f"Patient/{id}" for id in world.patients if id not in mine}
        hidden |= {reference_to(one) for one in world.resources if one.get("subject", {}).get("reference") in hidden}
        everything = Naive(world.resources, set(), world.filters)
        self.by_reference = everything.by_reference
        self.views = [(Scope.all(), everything), (narrow, Naive(world.resources, hidden, world.filters))]
        self.views.append(self._in_records(world, mine))

    @staticmethod
    def _in_records(world: World, mine: list[str]) -> tuple[Scope, Naive]:
        """Of the types that stand in records only what stands in those of `mine`, of which the caller has a list."""
        recorded = [kind for kind in definitions.resource_types() if home(kind) or kind == "Patient"]
        beyond = frozenset(ids.number(kind) for kind in definitions.resource_types() if kind not in recorded)
        scope = Scope(
            "({rt} = any(%(access_beyond)s::int2[]) or (select true from unnest(%(access_mine)s::uuid[]) m where m = {row}.patient) is true)",
            {"access_mine": [ids.key(id) for id in mine], "access_beyond": list(beyond)},
            circle="select m.patient from unnest(%(access_mine)s::uuid[]) m(patient) cross join generate_series(1, 2)",
            beyond=beyond,
        )
        hidden = {
            reference_to(one) for one in world.resources if one["resourceType"] in recorded and patient_of(index(one)) not in mine
        }
        return scope, Naive(world.resources, hidden, world.filters)


async def stored(conn: Connection, world: World) -> Seen:
    half = len(world.resources) // 2
    await STORE.load(conn, world.resources[:half])
    await STORE.write(conn, [Change(Verb.PUT, one) for one in world.resources[half:]], scope=Scope.all())
    return Seen(world)


@pytest.mark.parametrize("seed", [5, 6, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(100, 120))])
async def test_search_answers_what_a_slow_reading_answers(database: Database, seed: int) -> None:
    world = World(seed)
    async with database.transaction() as conn:
        seen = await stored(conn, world)
        for _ in range(200):
            kind = world.pick(
                [
                    "Patient",
                    *["Observation"] * 4,
                    "Practitioner",
                    "List",
                    "Condition",
                    "Location",
                    "MolecularSequence",
                    "RiskAssessment",
                ]
            )
            params, sort = world.params(kind), world.sort(kind)
            scope, oracle = world.pick(seen.views)
            expected = [reference_to(one) for one in oracle.search(kind, params)]
            more = [("_sort", ",".join(sort))] if sort else []
            matches, _, total = await pages(conn, of(kind), [*params, *more, ("_count", str(world.pick([1, 3, 7, 50])))], scope)
            said = (seed, kind, params, sort)
            assert (sorted(matches), total) == (sorted(expected), len(expected)), said
            assert in_order([seen.by_reference[one] for one in matches], sort), said


SHARED = 1_000_000
NAMED = [("Patient", "family"), ("Patient", "name"), ("Practitioner", "family"), ("Location", "name"), ("List", "title")]


async def everything_common(conn: Connection, share: int) -> Commons:
    """Statistics that say of each text in the store that one in `share` of the rows of every type has it."""
    cursor = await conn.execute(b"select distinct unnest(tsvector_to_array(str)) as text from res")
    texts = sorted(row["text"] for row in await cursor.fetchall())
    types = {ids.number(kind): float(SHARED * share) for kind in definitions.resource_types()}
    return Commons(types, tuple(texts), (float(SHARED),) * len(texts))


@pytest.mark.parametrize("seed", [8, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(130, 140))])
async def test_search_answers_the_same_whatever_is_said_to_be_common(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Also where the statistics change from page to page, and lie."""
    world, walked = World(seed), 0
    async with database.transaction() as conn:
        seen = await stored(conn, world)
        said_common = [NOTHING, *[await everything_common(conn, share) for share in (1, 8, 64)]]

        async def commons(*_: object) -> Commons:
            return world.pick(said_common)  # type: ignore[no-any-return]  # one of these

        monkeypatch.setattr("maillage.fhir.search.run.commons", commons)
        for _ in range(100):
            kind, parameter = world.pick(NAMED)
            params = [world.a_string(parameter), *world.params(kind)[: world.pick([0, 0, 1])]]
            sort = world.sort(kind)
            scope, oracle = world.pick(seen.views)
            expected = [reference_to(one) for one in oracle.search(kind, params)]
            asked = [*params, *([("_sort", ",".join(sort))] if sort else []), ("_count", str(world.pick([1, 3, 7, 50])))]
            matches, _, total = await pages(conn, of(kind), asked, scope)
            said = (seed, kind, asked)
            assert (sorted(matches), total) == (sorted(expected), len(expected)), said
            assert in_order([seen.by_reference[one] for one in matches], sort), said
            walked += bool(matches) and walks(parse(kind, asked), said_common[1]) and not walks(parse(kind, asked), NOTHING)
    assert walked > 10


def walks(query: SearchQuery, common: Commons) -> bool:
    """Whether the search begins with the rows in their order."""
    return plan(query, common=common).drive is Drive.WALK


@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(120, 130))])
async def test_compartments_and_several_types_answer_what_a_slow_reading_answers(database: Database, seed: int) -> None:
    world = World(seed)
    async with database.transaction() as conn:
        seen = await stored(conn, world)
        for _ in range(40):
            scope, oracle = world.pick(seen.views)
            owner = world.pick([("Patient", world.pick(world.patients)), ("Practitioner", world.pick(world.practitioners))])
            kind = world.pick(["Patient", "Observation"])
            params, count = world.params(kind), ("_count", str(world.pick([2, 5, 50])))
            expected = [reference_to(r) for r in oracle.search(kind, params) if oracle.within(r, "/".join(owner))]
            matches, _, total = await pages(conn, of(kind, owner), [*params, count], scope)
            assert (sorted(matches), total) == (sorted(expected), len(expected)), (seed, owner, kind, params)

            sort = world.pick(["", "_id", "-_id", "_lastUpdated", "-_lastUpdated"])
            kinds = world.pick([None, ["Patient", "Observation"], ["Patient"]])
            lists = [("_list", world.pick(world.lists))] if world.random.random() < 0.5 else []
            expected = [
                reference_to(r)
                for r in oracle.resources
                if oracle.within(r, "/".join(owner)) and (kinds is None or r["resourceType"] in kinds) and all(oracle.matches(r, *one) for one in lists)
            ]  # fmt: skip
            more = [*([("_type", ",".join(kinds))] if kinds else []), *([("_sort", sort)] if sort else []), *lists, count]
            matches, _, total = await pages(conn, lambda params: parse_several(params, within=owner), more, scope)  # noqa: B023  # awaited here
            assert (sorted(matches), total) == (sorted(expected), len(expected)), (seed, owner, more)
            if sort.endswith("_id"):
                assert in_order([seen.by_reference[one] for one in matches], [sort]), (seed, owner, more)

            more = [
                ("_id", ",".join(world.pick(world.patients + world.lists) for _ in range(4))),
                count,
                *([("_sort", sort)] if sort else []),
            ]
            expected = [reference_to(r) for r in oracle.resources if oracle.matches(r, *more[0])]
            matches, _, total = await pages(conn, parse_several, more, scope)
            assert (sorted(matches), total) == (sorted(expected), len(expected)), (seed, more)


@pytest.mark.parametrize("seed", range(2))
async def test_includes_answer_what_is_referred_to_and_may_be_seen(database: Database, seed: int) -> None:
    world = World(100 + seed)
    async with database.transaction() as conn:
        seen = await stored(conn, world)
        for _ in range(40):
            scope, oracle = world.pick(seen.views)
            kind = world.pick(["Observation", "Patient", "List"])
            rules = [world.pick(INCLUDES[kind] + ITERATED) for _ in range(world.pick([1, 2, 3]))]
            params = [("_id", ",".join(world.pick(world.of(kind) if kind != "List" else world.lists) for _ in range(3)))]
            matches, included, _ = await pages(conn, of(kind), [*params, ("_count", "1000"), *rules], scope)
            expected = oracle.included([seen.by_reference[one] for one in matches], rules)
            assert sorted(included) == sorted(expected), (seed, kind, params, rules)
