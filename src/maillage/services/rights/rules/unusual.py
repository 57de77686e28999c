"""What is unusual in the accesses of a day, and how it is told. An indication for the officer, never a judgement: most have a good reason."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from maillage.fhir.text import fold

KNOWN_AFTER = 5  # days on which somebody read before their usual is taken for known
MOST_UNKNOWN = 100  # records in an hour, for a reader whose usual is not known yet
FEWEST_MASS = 30  # records in an hour below which nothing is a mass
TIMES_USUAL = 3.0
RARE_NIGHT = 0.1  # share of days with night reading, below which a night is unusual
FORGETTING = 0.2  # weight of the last day in what is usual


class Kind(StrEnum):
    """What drew attention."""

    COLLEAGUE = "colleague"
    NEIGHBOUR = "neighbour"
    FAMILY = "family"
    MASS = "mass"
    NIGHT = "night"
    AGAIN = "again"


class Verdict(StrEnum):
    """What the officer says of it."""

    EXPLAINED = "explained"
    FOLLOWED = "followed"


TITLES = {
    Kind.COLLEAGUE: "Collègue",
    Kind.NEIGHBOUR: "Voisinage",
    Kind.FAMILY: "Même nom de famille",
    Kind.MASS: "Lecture en nombre",
    Kind.NIGHT: "Lecture de nuit",
    Kind.AGAIN: "Urgences répétées",
}


@dataclass(frozen=True, slots=True)
class Person:
    """What two people are compared by: folded family names, (family, given) pairs, and addresses as (street, town)."""

    families: frozenset[str]
    names: frozenset[tuple[str, str]]
    places: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Usual:
    """A reader's usual: on how many days they read, records in their fullest hour, share of days with night reading."""

    days: int = 0
    busiest: float = 0.0
    nights: float = 0.0

    def after(self, busiest: int, *, night: bool) -> "Usual":
        """The usual once one more day is known."""
        if self.days == 0:
            return Usual(1, float(busiest), float(night))
        keep = 1 - FORGETTING
        return Usual(self.days + 1, keep * self.busiest + FORGETTING * busiest, keep * self.nights + FORGETTING * night)


def person(resource: Mapping[str, Any]) -> Person:
    """What is compared of a Patient or a Practitioner (`names`, `addresses` as FHIR has them)."""
    names = resource.get("names") or []
    families = {fold(one["family"]) for one in names if one.get("family")}
    pairs = {(fold(one["family"]), fold(given)) for one in names if one.get("family") for given in one.get("given", [])[:1]}
    places = {
        (fold(" ".join(one.get("line", []))), fold(f"{one.get('postalCode', '')} {one.get('city', '')}"))
        for one in resource.get("addresses") or []
        if one.get("city") or one.get("postalCode")
    }
    return Person(frozenset(families), frozenset(pairs), frozenset(places))


def relation(reader: Person, read: Person, colleagues: Collection[tuple[str, str]]) -> Kind | None:
    """What a professional and the person whose record they opened have in common outside of care, None for nothing.

    `colleagues` are the names of those who act for the reader's organisations.
    """
    if not read.names.isdisjoint(colleagues):
        return Kind.COLLEAGUE
    same_family = not reader.families.isdisjoint(read.families)
    towns = {town for _, town in reader.places} & {town for _, town in read.places}
    if any(street for street, _ in reader.places & read.places) or (same_family and towns):
        return Kind.NEIGHBOUR
    return Kind.FAMILY if same_family else None


def is_mass(records: int, usual: Usual) -> bool:
    """Whether so many records in an hour are many more than this reader's own usual."""
    if usual.days < KNOWN_AFTER:
        return records >= MOST_UNKNOWN
    return records >= max(FEWEST_MASS, TIMES_USUAL * usual.busiest)


def is_odd_night(usual: Usual) -> bool:
    """Whether reading by night (22 h to 6 h) is not this reader's habit; unknown readers have none yet."""
    return usual.days >= KNOWN_AFTER and usual.nights < RARE_NIGHT


def reason(kind: str, facts: Mapping[str, Any]) -> str:
    """Why it is shown, in plain words."""
    match Kind(kind):
        case Kind.COLLEAGUE:
            return "La personne porte les nom et prénom d’un professionnel de la même organisation."
        case Kind.NEIGHBOUR:
            return "La personne et le professionnel ont la même adresse, ou le même nom dans la même commune."
        case Kind.FAMILY:
            return "La personne et le professionnel portent le même nom de famille."
        case Kind.MASS:
            usual = f"{facts['usual']:.0f} d’habitude au plus" if facts["days"] >= KNOWN_AFTER else "habitudes encore inconnues"
            return f"{facts['records']} dossiers touchés en une heure ({usual})."
        case Kind.NIGHT:
            return f"Lecture entre 22 h et 6 h, ce qui n’est pas dans ses habitudes ({facts['records']} dossiers touchés)."
        case Kind.AGAIN:
            ended = ", alors que son suivi de la personne avait pris fin" if facts["ended"] else ""
            return f"Dossier ouvert en urgence {facts['times']} fois en trente jours{ended}."


def best_hour(hours: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The fullest hour of one reader's day."""
    return max(hours, key=lambda one: (one["records"], one["hour"]))
