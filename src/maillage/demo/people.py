"""Synthetic people: names of Faker fr_FR, birth places by COG code, test INS with valid keys."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from faker import Faker

from maillage.demo.numbers import matricule, resource_id
from maillage.demo.places import BORN_ELSEWHERE, COMMUNES, STREETS, VITRY, Commune
from maillage.services.identity.public import (
    Identifier,
    IdentityClaim,
    Ins,
    Root,
    Traits,
    as_regional,
    patient_for,
)

Resource = dict[str, object]
OLDEST = 99


@dataclass(frozen=True, slots=True)
class Person:
    """One inhabitant: identity, address, and the rank that names every resource about them."""

    rank: int
    traits: Traits
    ins: Ins | None
    home: Commune
    street: str
    status: str = "VALI"
    key: str = ""

    @property
    def id(self) -> str:
        return resource_id("Patient", self.key or f"person-{self.rank}")

    @property
    def reference(self) -> str:
        return f"Patient/{self.id}"

    def age(self, at: date) -> int:
        born = date.fromisoformat(self.traits.birth_date)
        return at.year - born.year - ((at.month, at.day) < (born.month, born.day))

    @property
    def name(self) -> str:
        return f"{self.traits.used_name or self.traits.birth_name} {self.traits.first_given.title()}"


class Population:
    """Draws people one after the other; the same seed gives the same people."""

    def __init__(self, seed: int, *, at: date) -> None:
        self._chance = random.Random(f"people-{seed}")  # noqa: S311 -- nothing secret is drawn
        self._faker = Faker("fr_FR")
        self._faker.seed_instance(seed)
        self._at = at
        self._orders: dict[str, int] = {}

    def people(self, count: int) -> Iterator[Person]:
        """`count` people, most of them old enough to be cared for by several."""
        for rank in range(1, count + 1):
            yield self._person(rank)

    def name(self, sex: str) -> tuple[str, str]:
        """A first name and a family name."""
        first = self._faker.first_name_male() if sex == "male" else self._faker.first_name_female()
        return first, self._faker.last_name()

    def _person(self, rank: int) -> Person:
        chance = self._chance
        sex = chance.choice(("female", "female", "female", "male", "male"))
        first, family = self.name(sex)
        others = self.name(sex)[0]
        born = self._at - timedelta(days=int(self._age() * 365.25) + chance.randrange(365))
        place = self._birth_place()
        home = chance.choices(COMMUNES, weights=[c.inhabitants for c in COMMUNES])[0]
        married = sex == "female" and chance.random() < 0.45
        traits = Traits(
            birth_name=family,
            given_names=f"{first} {others}",
            first_given=first,
            birth_date=born.isoformat(),
            sex=sex,
            birth_place=place.cog,
            used_name=self.name("male")[1] if married else "",
            used_given=first if married else "",
            phone=f"06 39 98 {rank // 100 % 100:02d} {rank % 100:02d}",
        )
        ins = Ins(self._matricule(sex, traits.birth_date, place), Root.NIR_TEST) if chance.random() < 0.9 else None
        return Person(rank, traits, ins, home, f"{chance.randrange(1, 90)} {chance.choice(STREETS)}")

    def _age(self) -> float:
        low, high = self._chance.choices(((1, 18), (18, 45), (45, 65), (65, 80), (80, OLDEST)), weights=(8, 14, 20, 32, 26))[0]
        return self._chance.uniform(low, high)

    def _birth_place(self) -> Commune:
        pool = COMMUNES if self._chance.random() < 0.7 else BORN_ELSEWHERE
        return self._chance.choices(pool, weights=[c.inhabitants for c in pool])[0]

    def _matricule(self, sex: str, born: str, place: Commune) -> str:
        """A number nobody else of the territory has: the order of birth grows within sex, month and commune."""
        month = f"{sex}{born[2:7]}{place.cog}"
        self._orders[month] = self._orders.get(month, 0) + 1
        return matricule(sex=sex, birth_date=born, commune=place.cog, order=self._orders[month] % 999 + 1)


PAT_TROIS = Person(
    rank=0,
    key="patient",
    traits=Traits(
        "PAT-TROIS",
        "DOMINIQUE MARIE-LOUISE",
        "DOMINIQUE",
        "1979-03-28",
        "female",
        "51215",
        "PAT-TROIS",
        "Dominique",
        "06 39 98 00 01",
    ),
    ins=Ins("279035121518989", Root.NIR_TEST),
    home=VITRY,
    street="12 allée du Modèle",
)
"""The official test identity (SPECS §1)."""

OTHER_PATIENT = Person(
    rank=0,
    key="other-patient",
    traits=Traits("CALIBRE", "INÈS LOUISE", "INÈS", "1986-11-04", "female", "51454", "CALIBRE", "Inès", "06 39 98 00 02"),
    ins=Ins(matricule(sex="female", birth_date="1986-11-04", commune="51454", order=51), Root.NIR_TEST),
    home=COMMUNES[0],
    street="3 rue Pasteur",
)
DOCUMENTED = Person(
    rank=0,
    key="two-hundred-documents",
    traits=Traits("VOLUMINEUX", "ANDRÉ PAUL", "ANDRÉ", "1941-06-17", "male", "51649", "VOLUMINEUX", "André", "06 39 98 00 03"),
    ins=Ins(matricule(sex="male", birth_date="1941-06-17", commune="51649", order=52), Root.NIR_TEST),
    home=VITRY,
    street="8 rue de la Gare",
)
"""Somebody with many documents, to measure the page of a thick record."""
NAMED = (PAT_TROIS, OTHER_PATIENT, DOCUMENTED)


def regional_record(person: Person, number: int, *, practitioner: str | None) -> Resource:
    """The Patient of a regional record, with its GP and address."""
    local = (Identifier("urn:maillage:facility:demoville", f"{880000 + person.rank}"),) if person.rank % 3 == 0 else ()
    reliability = frozenset({"VALI" if person.ins or person.rank % 4 else "PROV"})
    patient = as_regional(patient_for(IdentityClaim(person.traits, person.ins, local, reliability)), str(number))
    patient |= {"id": person.id, "address": [address(person)]}
    if practitioner:
        patient["generalPractitioner"] = [{"reference": practitioner}]
    return patient


def address(person: Person) -> Resource:
    return {
        "use": "home",
        "line": [person.street],
        "city": person.home.name,
        "postalCode": person.home.postal_code,
        "country": "FRA",
    }
