"""The person's record: found by name, birth date or INS, and read in few statements."""

import re
from dataclasses import dataclass
from typing import Any

from maillage.access import matrix
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.services.coordination.resources.contact import Contact
from maillage.services.coordination.service import contacts, seen, threads
from maillage.services.coordination.service.seen import Since
from maillage.services.coordination.service.threads import Thread
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.ui import Banner

AT_HAND = 12
FOUND = "30"
LIMITS = {
    "Condition": 40,
    "MedicationRequest": 40,
    "MedicationStatement": 40,
    "Observation": 80,
    "Appointment": 10,
    "Flag": 20,
    "Goal": 10,
    "Communication": 30,
    "Coverage": 10,
    "QuestionnaireResponse": 10,
}
THREAD = 12


@dataclass(frozen=True, slots=True)
class Record:
    """What the summary page shows: the banner, what changed for whoever looks, the newest resources by type, the beginning of the thread, the circle,
    the last contact.

    `kept` are types that their profession does not read: the page does not speak of them.
    """

    banner: Banner
    since: Since
    resources: dict[str, list[dict[str, Any]]]
    thread: Thread
    circle: list[directory.Member]
    kept: frozenset[str]
    contact: Contact | None

    def of(self, *types: str) -> list[dict[str, Any]]:
        """The resources of these types, newest first within each."""
        return [r for t in types for r in self.resources.get(t, [])]


async def search(ctx: Context, *, text: str) -> list[dict[str, Any]]:
    """The people whom the actor follows, by birth name or first name, birth date (JJ/MM/AAAA or ISO), INS, or the telephone from which they or somebody close to them call; at most 30 of each."""
    ctx.require(Permission.PATIENT_SEARCH)
    if calling := _as_stored(text):
        numbers = ",".join(calling)
        found = await ctx.records.find("Patient", [("phone", numbers), ("_count", FOUND)])
        known = {one["id"] for one in found}
        close = await ctx.records.find("Patient", [("_has:RelatedPerson:patient:phone", numbers), ("_count", FOUND)])
        found = [*found, *(one for one in close if one["id"] not in known)]
    elif parameters := _criteria(text):
        found = await ctx.records.find("Patient", [*parameters, ("_count", FOUND)])
    else:
        return []
    return sorted(found, key=lambda p: str((p.get("name") or [{}])[0].get("family", "")))


async def at_hand(ctx: Context) -> tuple[list[dict[str, Any]], bool]:
    """Before one searches: the people whose record one last said to have seen, the last first (true); who never did, the first of those one follows, by name."""
    ctx.require(Permission.PATIENT_SEARCH)
    last = await seen.lately(ctx, most=AT_HAND)
    if last:
        people = {one["id"]: one for one in await ctx.records.find("Patient", [("_id", ",".join(last)), ("_count", FOUND)])}
        if people:
            return [people[one] for one in last if one in people], True
    return await ctx.records.find("Patient", [("_sort", "family"), ("_count", str(AT_HAND))]), False


async def read(ctx: Context, *, patient: str) -> Record:
    """The record of a person, with what was received under identities that a steward has linked to it."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    kept = await matrix.types_kept(ctx)
    banner = await identity.banner(ctx, patient, kept=kept)
    identities = await identity.identities_of(ctx, patient)
    resources = await ctx.records.compartment(identities, {kind: most for kind, most in LIMITS.items() if kind not in kept})
    since = await seen.since_visit(ctx, patient=patient, identities=identities, types=[t for t in seen.TYPES if t not in kept])
    thread = await threads.page(ctx, patient=patient, identities=identities, kept=kept, count=THREAD)
    contact = await contacts.last(ctx, identities, newest=resources.get("Communication", []), read=LIMITS["Communication"])
    return Record(banner, since, resources, thread, await directory.circle(ctx, patient), kept, contact)


def _as_stored(text: str) -> list[str]:
    """The ways in which records write a French telephone number; none where the text is not one."""
    found = re.fullmatch(r"(?:0|\+33|0033)([1-9])(\d{8})", re.sub(r"[\s.()\-]", "", text).replace("+330", "+33"))
    if not found:
        return []
    first, pairs = found[1], re.findall("..", found[2])
    joined = [f"0{first}{''.join(pairs)}", f"+33{first}{''.join(pairs)}"]
    return joined + [f"{start}{first}{mark}{mark.join(pairs)}" for start in ("0", "+33", "+33 ") for mark in (" ", ".", "-")]


def _criteria(text: str) -> list[tuple[str, str]]:
    """Search parameters of what was typed: an INS alone, else names and dates in any order (RNIV: birth date first)."""
    typed = " ".join(text.split())
    digits = re.sub(r"[ .]", "", typed)
    if re.fullmatch(r"[0-9]{5}[0-9AB][0-9]{7}([0-9]{2})?", digits):
        return [("identifier", digits)]
    parameters = []
    for word in typed.split(" "):
        if match := re.fullmatch(r"(\d{2})[/-](\d{2})[/-](\d{4})", word):
            parameters.append(("birthdate", f"{match[3]}-{match[2]}-{match[1]}"))
        elif re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", word):
            parameters.append(("birthdate", word))
        elif word:
            parameters.append(("name", _escaped(word)))
    return parameters


def _escaped(word: str) -> str:
    return re.sub(r"([\\,$|])", r"\\\1", word)


@dataclass(frozen=True, slots=True)
class Circle:
    """The banner and the members of a person's circle."""

    banner: Banner
    circle: list[directory.Member]


async def circle(ctx: Context, *, patient: str) -> Circle:
    """Who is around a person now."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    return Circle(await identity.banner(ctx, patient), await directory.circle(ctx, patient))
