"""CareTeam of the national profile `cds-ihe-careteam` ↔ the members of a person's circle and the time of each."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from maillage.access.references import local
from maillage.fhir.dates import span

Resource = dict[str, Any]

PROFILE = "https://interop.esante.gouv.fr/ig/fhir/cds/StructureDefinition/cds-ihe-careteam"
FORESEEN = timedelta(days=3 * 366)
"""Beyond, a last day is another way to say that there is none."""
CIRCLE = "urn:maillage:care-circle"
"""System of the identifier of a circle that the platform made."""
LONGITUDINAL = {"system": "http://loinc.org", "code": "LA28865-6", "display": "Longitudinal care-coordination focused care team"}
PART = "urn:maillage:circle-part"
"""System of the parts one plays in a circle besides those of the national list: referent, substitute."""
REFERENT, SUBSTITUTE = "referent", "substitute"
FUNCTIONS = "https://mos.esante.gouv.fr/NOS/TRE_R259-HL7ParticipationFunction/FHIR/TRE-R259-HL7ParticipationFunction"
CLASSES = "https://mos.esante.gouv.fr/NOS/TRE_R260-HL7RoleClass/FHIR/TRE-R260-HL7RoleClass"
PARTS = {
    "PCP": (FUNCTIONS, "Médecin traitant"),
    REFERENT: (PART, "Référent de coordination"),
    SUBSTITUTE: (PART, "Remplaçant du référent"),
}
"""What a professional may be in a circle, besides their profession: code, its system, French words (value set `careteam-roles-vs`, and ours)."""
KIN = {
    "CAREGIVER": (CLASSES, "Aidant"),
    "NOK": (CLASSES, "Personne de confiance"),
    "GUARD": (CLASSES, "Responsable légal"),
    "ECON": (CLASSES, "Personne à prévenir en cas d’urgence"),
    "CON": (CLASSES, "Informateur"),
}
"""The same for somebody close to the person. It lets nobody see anything: that is for the person to say (`urn:maillage:carer-scope`)."""


def circle_for(*, id: str, patient: str, name: str, participants: Sequence[Resource], at: datetime) -> Resource:
    """A new circle of a person."""
    day = at.date().isoformat()
    return {
        "resourceType": "CareTeam",
        "id": id,
        "meta": {"profile": [PROFILE]},
        "identifier": [{"system": CIRCLE, "value": id}],
        "status": "active",
        "category": [{"coding": [LONGITUDINAL]}],
        "name": f"Cercle de soins de {name}" if name else "Cercle de soins",
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": day},
        "participant": list(participants),
    }


def participant_for(member: str, name: str, *, role: Resource | None, at: datetime, until: str = "") -> Resource:
    """Somebody of a circle from now on."""
    return {
        **({"role": [role]} if role else {}),
        "member": {"reference": member, **({"display": name} if name else {})},
        "period": {"start": at.date().isoformat(), **({"end": until} if until else {})},
    }


def part_for(code: str, words: str) -> Resource:
    """A part of ours: referent, substitute."""
    return {"coding": [{"system": PART, "code": code, "display": words}], "text": words}


def role_for(code: str) -> Resource | None:
    """The role of a part by its code, None where nothing is said. KeyError for one that is none."""
    if not code:
        return None
    system, words = {**PARTS, **KIN}[code]
    return {"coding": [{"system": system, "code": code, "display": words}], "text": words}


def words_of(code: str) -> str:
    """A part in French, "" where it is none."""
    return {**PARTS, **KIN}.get(code, ("", ""))[1]


def main_circle(teams: Sequence[Resource]) -> Resource | None:
    """Of the active teams of a person the one that new members join: ours, else the longitudinal one, else the first."""
    active = [one for one in teams if one.get("status", "active") == "active"]

    def rank(team: Resource) -> int:
        ours = any(one.get("system") == CIRCLE for one in team.get("identifier", []))
        longitudinal = any(c.get("code") == LONGITUDINAL["code"] for k in team.get("category", []) for c in k.get("coding", []))
        return 0 if ours else 1 if longitudinal else 2

    return min(active, key=rank, default=None)


def now_in(participant: Mapping[str, Any], at: datetime) -> bool:
    """Whether a participant's time is running."""
    period, day = participant.get("period", {}), at.date().isoformat()
    ends = str(period.get("end", ""))
    if "T" in ends and datetime.fromisoformat(ends) <= at:
        return False
    return str(period.get("start", ""))[:10] <= day <= (ends[:10] or "9999")


def leaving(before: Resource, after: Resource, at: datetime) -> dict[datetime, set[str]]:
    """Who of those who are in a team now leaves it by a change, by the moment: now, or when the last day of a member ends that had another before."""
    ends = {local(one.get("member")): one.get("period", {}).get("end") for one in _now(after, at)}
    found: dict[datetime, set[str]] = {}
    for one in _now(before, at):
        who, end = local(one.get("member")), one.get("period", {}).get("end")
        if who and (who not in ends or (ends[who] and ends[who] != end)):
            found.setdefault(span(str(ends[who]))[1] if who in ends else at, set()).add(who)
    return {moment: found[moment] for moment in sorted(found) if moment - at < FORESEEN}


def _now(team: Resource, at: datetime) -> list[Resource]:
    running = team.get("status", "active") == "active"
    return [one for one in team.get("participant", []) if now_in(one, at)] if running else []


def is_referent(participant: Mapping[str, Any]) -> bool:
    """Whether somebody is the one whom the circle turns to first."""
    codings = [one for role in participant.get("role", []) for one in role.get("coding", [])]
    return any(one.get("system") == PART and one.get("code") == REFERENT for one in codings)


def with_participants(team: Resource, new: Sequence[Resource], at: datetime) -> Resource:
    """The team with these members besides, each once."""
    there = {local(one.get("member")) for one in team.get("participant", []) if now_in(one, at)}
    return {**team, "participant": [*team.get("participant", []), *(one for one in new if local(one["member"]) not in there)]}


def with_part(team: Resource, member: str, *, part: str, until: str, at: datetime) -> Resource:
    """The team in which a member of now is something else, until a last day (ISO, "" for none). A new referent takes the place of the one before."""

    def changed(one: Resource) -> Resource:
        if not now_in(one, at):
            return one
        if local(one.get("member")) == member:
            kept = {name: value for name, value in one.items() if name not in ("role", "period")}
            period = {name: value for name, value in one.get("period", {}).items() if name != "end"}
            role = role_for(part)
            roles = one.get("role", []) if part == part_of(one) else [role] if role else []
            return {**kept, **({"role": roles} if roles else {}), "period": {**period, **({"end": until} if until else {})}}
        return _no_longer_referent(one) if part == REFERENT else one

    return {**team, "participant": [changed(one) for one in team.get("participant", [])]}


def _no_longer_referent(participant: Resource) -> Resource:
    if not is_referent(participant):
        return participant
    others = [
        role
        for role in participant["role"]
        if not any(one.get("system") == PART and one.get("code") == REFERENT for one in role.get("coding", []))
    ]
    bare = {name: value for name, value in participant.items() if name != "role"}
    return {**bare, **({"role": others} if others else {})}


def part_of(participant: Mapping[str, Any]) -> str:
    """What somebody is in the circle, as a code of `PARTS` or `KIN`; "" where it is none of these."""
    codings = [one for role in participant.get("role", []) for one in role.get("coding", [])]
    known = {**PARTS, **KIN}
    return next((one["code"] for one in codings if known.get(one.get("code", ""), ("",))[0] == one.get("system")), "")


def without(team: Resource, members: set[str], at: datetime) -> Resource:
    """The team whose members of these references end now."""
    return {
        **team,
        "participant": [
            {**one, "period": {**one.get("period", {}), "end": at.isoformat(timespec="milliseconds")}}
            if local(one.get("member")) in members and now_in(one, at) else one
            for one in team.get("participant", [])
        ],
    }  # fmt: skip
