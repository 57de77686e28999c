"""The members of a person's circle: who, as what, since when, what they see; somebody joins, somebody leaves, and why."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import Invalid, NotFound
from maillage.fhir.dates import ZONE
from maillage.services.coordination.resources import circle as resources
from maillage.services.directory import public as directory
from maillage.ui.words import person_name

Resource = dict[str, Any]
FOUND = "20"


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's place in the circle: `reference` as the circle names them, what they are there (`code` of `resources.PARTS` or `KIN`), the days of it."""

    reference: str
    name: str
    part: str
    since: str
    until: str
    referent: bool
    kind: str
    own: bool
    code: str


@dataclass(frozen=True, slots=True)
class Kin:
    """Somebody close to the person who is not in the circle: the reference of their RelatedPerson, name, what they are to them."""

    reference: str
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Held:
    """The places of today, those that are over, what was said of them; `version` of the circle that new members join ("" where there is none)."""

    now: Sequence[Place]
    past: Sequence[Place]
    said: Sequence[tuple[str, str, str]]
    version: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody of the directory in one place of work: the reference of their PractitionerRole, name, place."""

    reference: str
    name: str
    place: str


async def of_person(ctx: Context, patient: str) -> Held:
    """The circle of a person, with its history."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    teams = await _teams(ctx, patient)
    known = {name: one for one in await directory.circle(ctx, patient) for name in (one.reference, one.role) if name}
    mine = await _own_names(ctx)
    places = [(resources.now_in(one, ctx.now), _place(one, known, mine)) for team in teams for one in team.get("participant", [])]
    notes = [
        (str(one.get("time", "")), str(one.get("authorReference", {}).get("display", "")), str(one.get("text", "")))
        for team in teams
        for one in team.get("note", [])
    ]
    main = resources.main_circle(teams)
    return Held(
        [one for today, one in places if today], [one for today, one in places if not today], sorted(notes, key=lambda one: one[0])[::-1],
        str(main["meta"]["versionId"]) if main else "",
    )  # fmt: skip


async def found(ctx: Context, words: str) -> list[Candidate]:
    """Who of the directory has these names, in each place where they work."""
    wanted = [("practitioner.name", word) for word in words.split()[:5]]
    if not wanted:
        return []
    includes = [("_include", "PractitionerRole:practitioner"), ("_include", "PractitionerRole:organization"), ("_count", FOUND)]
    page = await ctx.records.search("PractitionerRole", [*wanted, ("active", "true"), *includes])
    named = {f"{one['resourceType']}/{one['id']}": directory.display_name(one) for one in page.included}
    return [
        Candidate(
            f"PractitionerRole/{one['id']}", named.get(local(one.get("practitioner")) or "", ""), named.get(local(one.get("organization")) or "", "")
        )
        for one in page.matches
    ]  # fmt: skip


async def add(
    ctx: Context, patient: str, member: str, *, version: str, part: str = "", until: date | None = None, words: str = ""
) -> None:
    """Somebody of the directory ("PractitionerRole/3"), or close to the person ("RelatedPerson/4"), joins the circle from now on, until a last day.

    `part` is a code of `resources.PARTS` or `KIN`, `words` what the circle reads besides. PreconditionFailed where it changed since it was read.
    """
    ctx.require(Permission.CIRCLE_WRITE, patient=patient)
    if until is not None and until < ctx.now.astimezone(ZONE).date():
        raise Invalid.at("jusqu", "the last day is past")
    name = await _name_of(ctx, patient, member, part)
    last = until.isoformat() if until else ""
    joining = resources.participant_for(member, name, role=resources.role_for(part), at=ctx.now, until=last)
    main = resources.main_circle(await _teams(ctx, patient))
    if main is None:
        person = await ctx.records.read("Patient", patient)
        named = " ".join(
            filter(None, [*person.get("name", [{}])[0].get("given", [])[:1], person.get("name", [{}])[0].get("family", "")])
        )
        await ctx.records.write(
            resources.circle_for(id=str(uuid.uuid4()), patient=patient, name=named, participants=[joining], at=ctx.now)
        )
        return
    after = resources.with_participants(main, [joining], ctx.now)
    if after["participant"] != main.get("participant", []):
        await ctx.records.write(_read_as(_noted(ctx, after, f"{name} rejoint le cercle{words}"), version))


async def _name_of(ctx: Context, patient: str, member: str, part: str) -> str:
    """Who joins, by name; Invalid where they are nobody who may be in this circle, or not as this."""
    kind, _, id = member.partition("/")
    if kind == "RelatedPerson" and id:
        if part and part not in resources.KIN:
            raise Invalid.at("part", "somebody close to the person is no professional")
        kin = await ctx.records.read(kind, id)
        if local(kin.get("patient")) != f"Patient/{patient}":
            raise Invalid.at("membre", "this is a relative of somebody else")
        return person_name(kin.get("name") or [{}])
    if kind != "PractitionerRole" or not id:
        raise Invalid.at("membre", "a member is chosen in the directory")
    if part and part not in resources.PARTS:
        raise Invalid.at("part", "a professional is not close to the person")
    role = await ctx.records.read(kind, id)
    return directory.display_name(await ctx.records.read("Practitioner", str(local(role.get("practitioner"))).partition("/")[2]))


async def change(ctx: Context, patient: str, member: str, *, part: str, until: date | None, version: str) -> None:
    """A member is something else in the circle from now on, until a last day: their sight ends with it. NotFound where they are not in it.

    Who becomes referent takes the place of the one before, who stays a member.
    """
    ctx.require(Permission.CIRCLE_WRITE, patient=patient)
    if until is not None and until < ctx.now.astimezone(ZONE).date():
        raise Invalid.at("jusqu", "the last day is past")
    if part and part not in (resources.KIN if member.startswith("RelatedPerson/") else resources.PARTS):
        raise Invalid.at("part", "this is no part of theirs")
    teams = await _teams(ctx, patient)
    main = resources.main_circle(teams)
    last = until.isoformat() if until else ""
    changed = [
        (team, after)
        for team in teams
        if _has_now(team, member, ctx) and (after := resources.with_part(team, member, part=part, until=last, at=ctx.now)) != team
    ]
    if not any(_has_now(team, member, ctx) for team in teams):
        raise NotFound(f"{member} is not in the circle of Patient/{patient}")
    name = next(
        str(one["member"].get("display") or member)
        for team in teams
        for one in team["participant"]
        if local(one["member"]) == member
    )
    words = ", ".join(filter(None, (resources.words_of(part), f"jusqu’au {until:%d/%m/%Y}" if until else "sans date de fin")))
    noted = [(before, _noted(ctx, after, f"{name} : {words}")) for before, after in changed]
    await ctx.records.write_all([_read_as(one, version) if main and before["id"] == main["id"] else one for before, one in noted])


async def kin(ctx: Context, patient: str) -> list[Kin]:
    """Those close to the person, as their record names them, who are not in the circle."""
    ctx.require(Permission.CIRCLE_WRITE, patient=patient)
    there = {
        local(one.get("member"))
        for team in await _teams(ctx, patient)
        for one in team.get("participant", [])
        if resources.now_in(one, ctx.now)
    }
    found = await ctx.records.find("RelatedPerson", {"patient": f"Patient/{patient}", "active": "true", "_count": "50"})
    return [
        Kin(f"RelatedPerson/{one['id']}", person_name(one.get("name") or []), _relation(one))
        for one in found
        if f"RelatedPerson/{one['id']}" not in there
    ]  # fmt: skip


def _relation(related: Resource) -> str:
    said = (
        str(one.get("text") or c.get("display", "")) for one in related.get("relationship", []) for c in one.get("coding", [{}])
    )
    return next(filter(None, said), "")


def _has_now(team: Resource, member: str, ctx: Context) -> bool:
    return any(local(one.get("member")) == member and resources.now_in(one, ctx.now) for one in team.get("participant", []))


async def remove(ctx: Context, patient: str, member: str, *, words: str, version: str) -> bool:
    """Somebody leaves the circle now, for a reason that is kept; whether it is whoever acts. NotFound where they are not in it."""
    ctx.require(Permission.CIRCLE_WRITE, patient=patient)
    teams = await _teams(ctx, patient)
    main = resources.main_circle(teams)
    left = [(team, resources.without(team, {member}, ctx.now)) for team in teams]
    changed = [(before, after) for before, after in left if before != after]
    if not changed:
        raise NotFound(f"{member} is not in the circle of Patient/{patient}")
    own = member in await _own_names(ctx)
    name = next(
        str(one["member"].get("display") or member)
        for team, _ in changed
        for one in team["participant"]
        if local(one["member"]) == member
    )
    said = f"{name} quitte le cercle : {words}" if own else f"{name} est retiré du cercle : {words}"
    await ctx.records.write_all(
        [
            _read_as(noted, version) if main and before["id"] == main["id"] else noted
            for before, after in changed
            for noted in [_noted(ctx, after, said)]
        ]
    )
    return own


def _read_as(team: Resource, version: str) -> Resource:
    return {**team, "meta": {**team["meta"], "versionId": version}} if version else team


def _noted(ctx: Context, team: Resource, words: str) -> Resource:
    author = {"authorReference": {"reference": ctx.actor.reference, "display": ctx.actor.name}} if ctx.actor.reference else {}
    return {**team, "note": [*team.get("note", []), {**author, "time": ctx.now.isoformat(timespec="seconds"), "text": words}]}


async def _teams(ctx: Context, patient: str) -> list[Resource]:
    return await ctx.records.find("CareTeam", {"patient": f"Patient/{patient}", "status": "active", "_count": "100"})


async def _own_names(ctx: Context) -> set[str]:
    """By which references a circle may name whoever acts."""
    reference = ctx.actor.reference or ""
    if not reference.startswith("Practitioner/"):
        return {reference}
    roles = await ctx.records.find("PractitionerRole", {"practitioner": reference, "_count": "100"})
    return {reference, *(f"PractitionerRole/{one['id']}" for one in roles)}


def _place(participant: Resource, known: dict[str, directory.Member], mine: set[str]) -> Place:
    member = participant.get("member", {})
    reference = local(member) or ""
    somebody = known.get(reference)
    roles = participant.get("role", [])
    words = next((str(one.get("text") or c.get("display", "")) for one in roles for c in one.get("coding", [{}])), "")
    period = participant.get("period", {})
    return Place(
        reference=reference,
        name=somebody.name if somebody else str(member.get("display") or "Membre"),
        part=words or (somebody.title if somebody else ""),
        since=str(period.get("start", ""))[:10],
        until=str(period.get("end", ""))[:10],
        referent=resources.is_referent(participant),
        kind=somebody.kind if somebody else "care",
        own=reference in mine,
        code=resources.part_of(participant),
    )
