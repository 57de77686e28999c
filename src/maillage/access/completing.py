"""What a change must pass before the store sees it: validation, what its actor may write at all, the guards of its type."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from maillage.access import writes
from maillage.access.grants import links, of_patient, physicians
from maillage.access.guards import guards_of
from maillage.access.references import attending, grantee
from maillage.db import Connection, load_queries
from maillage.errors import Forbidden, Invalid, MaillageError
from maillage.fhir import ids, validation
from maillage.fhir.change import Change, Operation, Stored, Verb
from maillage.fhir.rows import legal_id

if TYPE_CHECKING:
    from maillage.access.context import Context

QUERIES = load_queries("maillage.access")
MOST_FAULTS = 100


def allowed(ctx: "Context", change: Change) -> Change:
    """The change as its actor may mean it: valid, and of a type that they may write. Invalid or Forbidden otherwise; asks no database."""
    if change.verb is Verb.DELETE:
        legal_id(change.resource["resourceType"], change.resource["id"])
    else:
        validation.validate(change.resource)
        ctx.uploads.check(change.resource)
    change = writes.taken_as(ctx.actor, change)
    if reason := writes.refusal(ctx.actor, change):
        raise Forbidden(reason)
    return change


async def completed(ctx: "Context", conn: Connection, changes: Sequence[Change], *, checked: bool = False) -> list[Change]:
    """The changes as they will be written. Of several, a fault says which (`change[i]`), as the store does.

    `checked`: they come from `allowed`.
    """
    found, faults = [], list[Invalid]()
    for place, change in enumerate(changes):
        with _gathered(faults, len(changes)), _placed(place, len(changes)):
            one = change if checked else allowed(ctx, change)
            if not checked and one.verb is not Verb.DELETE:
                await ctx.uploads.scan(one.resource)
            if one.resource["resourceType"] == "Patient" and one.verb is not Verb.DELETE:
                await _refuse_new_links(ctx, conn, one)
                await _refuse_new_care(ctx, conn, one)
            found.append(one)
    if faults:
        raise Invalid(faults[0].message, issues=[issue for fault in faults for issue in fault.issues][:MOST_FAULTS])
    for kind in dict.fromkeys(str(one.resource["resourceType"]) for one in found):
        await _guard(ctx, found, kind)
    return found


async def _guard(ctx: "Context", changes: list[Change], kind: str) -> None:
    """Puts what the guards of a type make of its changes in the place of those."""
    places = [place for place, one in enumerate(changes) if one.resource["resourceType"] == kind]
    for guard in guards_of(kind):
        seen = await guard(ctx, [changes[place] for place in places])
        for place, resource in zip(places, seen, strict=False):  # none after an error
            with _placed(place, len(changes)):
                if isinstance(resource, MaillageError):
                    raise resource
                if resource is not changes[place].resource:
                    validation.validate(resource, known=changes[place].resource)
                    changes[place] = replace(changes[place], resource=resource)


@contextmanager
def _gathered(faults: list[Invalid], of: int) -> Iterator[None]:
    """Of several changes, what is wrong in the form of each is told together: who sends them mends them once."""
    try:
        yield
    except Invalid as fault:
        if of == 1 or type(fault) is not Invalid:
            raise
        faults.append(fault)


@contextmanager
def _placed(place: int, of: int) -> Iterator[None]:
    try:
        yield
    except MaillageError as fault:
        if of == 1:
            raise
        issues = [replace(i, expression=f"change[{place}].{i.expression or ''}".rstrip(".")) for i in fault.issues]
        raise type(fault)(fault.message, issues=issues) from fault


async def _refuse_new_links(ctx: "Context", conn: Connection, change: Change) -> None:
    if writes.may_link(ctx.actor):
        return
    resource = change.resource
    via = grantee(f"Patient/{resource['id']}") if "id" in resource else None
    known = {row["other"] for row in await QUERIES.links_of(conn, via=via)}
    if {ids.key(other.removeprefix("Patient/")) for other in links(resource)} != known:
        raise Forbidden("only a steward says that two Patient records are one person (Patient.link)")


async def _refuse_new_care(ctx: "Context", conn: Connection, change: Change) -> None:
    """Who writes identities without caring for anyone says who a person is; a general practitioner named would be let in."""
    if not writes.only_identities(ctx.actor):
        return
    resource = change.resource
    named = {grantee(grant.grantee) for grant in of_patient({"id": "", **resource})}
    oneself = f"Patient/{resource.get('id', '')}"
    known = {row["grantee"] for row in await QUERIES.granted_by(conn, via=grantee(oneself))}
    if named - known - {grantee(oneself)}:
        raise Forbidden("who cares for a person (generalPractitioner, managingOrganization) is not a steward's to say")


async def refuse_new_physicians(ctx: "Context", conn: Connection, changes: Sequence[Change], stored: Sequence[Stored]) -> None:
    """Forbidden to who cares for a person to name an attending physician in a record that is there: they see what the person masked.

    Once the store has let the change pass, and before `grants.derive`: whoever does not see the record learns nothing of whom it names.
    """
    if not writes.limited(ctx.actor):
        return
    for change, one in zip(changes, stored, strict=True):
        if one.type == "Patient" and one.version > 1 and one.operation is not Operation.DELETE:
            named = {grantee(attending(physician)) for physician in physicians(change.resource)}
            known = {row["grantee"] for row in await QUERIES.granted_by(conn, via=grantee(f"Patient/{one.id}"))}
            if named - known:
                raise Forbidden(
                    "who the attending physician of a person is (generalPractitioner) is not for those who care for them to say"
                )
