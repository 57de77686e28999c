"""The whole territory: the directory, the people with their circles, their records and letters, what waits."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from maillage.demo import agenda, circles, living, people, professionals, situations, structures, supports, talk, visiting
from maillage.demo.circles import Circle, Staff
from maillage.demo.clinic import Record
from maillage.demo.letters import Letter
from maillage.demo.people import Person, Population
from maillage.demo.personas import persona
from maillage.demo.situations import INBOX, LATE, LETTERED, RETURNS, THICK, Waiting

Resource = dict[str, Any]

SEED = 51
PEOPLE = 2100
FEWEST = 40
WAITING = 11
OLD = 64
FIRST_NUMBER = 100_001


class Territory:
    """A territory as it stands at an instant (UTC, aware). The same instant, scale and seed give the same resources."""

    def __init__(self, at: datetime, *, scale: float = 1, seed: int = SEED) -> None:
        self.at = at.replace(microsecond=0)
        self.scale = scale
        self._seed = seed
        self.population = Population(seed, at=self.at.date())
        self.structures = structures.structures(scale)
        self.professionals = professionals.professionals(self.population, self.structures, scale)
        self.people: list[Person] = [*people.NAMED, *self.population.people(max(FEWEST, round(PEOPLE * scale)))]
        self.staff = Staff(self.professionals, self.structures)
        self._hospitals = [one for one in self.structures if one.kind in ("ch", "clinique", "ch-demoville")]
        self._circles = {
            person.id: circles.circle(person, self.staff, chance=self._chance("circle", person), at=self.at)
            for person in self.people
        }

    def directory(self) -> Iterator[Resource]:
        """Structures, professionals, and the machine that the `system` persona is."""
        for structure in self.structures:
            yield from structures.resources(structure)
        for one in self.professionals:
            yield from professionals.resources(one)
        yield machine()

    def records(self) -> Iterator[list[Resource]]:
        """For each person: the Patient, the circle, the clinical resources."""
        for rank, person in enumerate(self.people):
            yield self._record(rank, person)

    def past_letters(self) -> Iterator[Letter]:
        """Documents of before: nobody is told of them any more. The thick record comes last."""
        recent = {letter.key for letter in self.recent_letters()}
        for letter in self._all_letters():
            if letter.key not in recent:
                yield letter
        yield from self._usual(people.DOCUMENTED, max(FEWEST, round(THICK * min(self.scale, 1))))

    def recent_letters(self) -> list[Letter]:
        """Documents of these days, which arrive as if they were sent now: the returns home, and the latest of the GP persona's patients."""
        gp = persona("gp").reference
        hers = [
            letter for letter in self._all_letters() if (drawn := self._circles[letter.person.id].gp) and drawn.reference == gp
        ]
        latest = sorted(hers, key=lambda letter: (letter.at, letter.key), reverse=True)[:INBOX]
        return [*latest, *self.returns()[LATE:]]

    def returns(self) -> list[Letter]:
        """People who came home from hospital in the last days; the calls of the first ones are late."""
        author = self.staff.by_key["hospital"]
        home = [p for p in self.people if 0 < p.rank < circles.COORDINATOR_PANEL and p.age(self.at.date()) > OLD][:RETURNS]
        days = (4, 3, 1, 1, 0, 0)
        return [
            situations.discharge(self._circles[p.id], author, self.at - timedelta(days=days[i], hours=3 + i), f"return-{i}")
            for i, p in enumerate(home)
        ]

    def consequences(self) -> Iterator[Resource]:
        """The stays of the returns home, the calls that are late, and what the circle of the official test patient says."""
        for letter in self.returns():
            yield situations.stay(letter)
        for letter in self.returns()[:LATE]:
            yield situations.late_call(letter)
        yield from talk.conversations(people.PAT_TROIS, at=self.at)
        yield from living.lives(self.home(), self.visited(), at=self.at)

    def home(self) -> list[Person]:
        """Those who came home from hospital in the last days."""
        return [letter.person for letter in self.returns()]

    def visited(self) -> list[Person]:
        """The official test patient and the first four old people for whom the nurse persona cares."""
        nurse = self.staff.by_key["nurse"]
        hers = [one for one in self.people if self._circles[one.id].nurse is nurse]
        return [one for one in hers if one.key or one.age(self.at.date()) > OLD][:5]

    def round(self) -> Iterator[Resource]:
        """The week of the nurse persona."""
        return visiting.round_of(self.staff.by_key["nurse"], self.visited(), at=self.at)

    def supports(self) -> Iterator[Resource]:
        """Whom the coordination team follows, whom it is asked to, whom it no longer does."""
        drawn = list(self._circles.values())
        for circle in drawn:
            yield from supports.followed(circle, at=self.at)
        others = [one for one in drawn if one.referent is None and one.gp and one.person.rank]
        for circle in others[:1]:
            yield from supports.over(circle, at=self.at)
        yield from supports.waiting(others[1:], at=self.at)

    def agenda(self) -> Iterator[Resource]:
        """The week of the coordinator persona, with people who came home."""
        return agenda.week(self.home(), at=self.at)

    def waiting(self) -> list[Waiting]:
        """The steward's queue."""
        known = [p for p in reversed(self.people) if p.ins and not p.key][:WAITING]
        return list(situations.waiting_identities(known, at=self.at, sender=self.staff.by_key["hospital"].structure.reference))

    def circle_of(self, person: Person) -> Circle:
        return self._circles[person.id]

    def _record(self, rank: int, person: Person) -> list[Resource]:
        drawn = self._circles[person.id]
        patient = people.regional_record(person, FIRST_NUMBER + rank, practitioner=drawn.gp.reference if drawn.gp else None)
        record = Record(drawn, chance=self._chance("record", person), at=self.at, hospitals=self._hospitals)
        return [patient, *([drawn.carer] if drawn.carer else []), circles.care_team(drawn, at=self.at), *record.resources()]

    def _all_letters(self) -> Iterator[Letter]:
        for person in self.people[: max(20, round(LETTERED * self.scale))]:
            if person.key != people.DOCUMENTED.key:
                count = 6 if person.key == "patient" else self._chance("letters", person).randrange(1, 4)
                yield from self._usual(person, count)
        yield from self.returns()[:LATE]

    def _usual(self, person: Person, count: int) -> Iterator[Letter]:
        doctors = [one for one in self.professionals if one.prefix and one.structure.kind in ("ch", "clinique", "labo")]
        chance = self._chance("letters", person)
        return situations.usual_letters(self._circles[person.id], authors=doctors, at=self.at, count=count, chance=chance)

    def _chance(self, about: str, person: Person) -> random.Random:
        return random.Random(f"{about}-{self._seed}-{person.id}")  # noqa: S311 -- nothing secret is drawn


def machine() -> Resource:
    """The partner's information system, as a Device."""
    system = persona("system")
    return {
        "resourceType": "Device",
        "id": system.reference.removeprefix("Device/"),
        "status": "active",
        "deviceName": [{"name": system.name, "type": "user-friendly-name"}],
        "owner": {"reference": system.organizations[0]},
    }
