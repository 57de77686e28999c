"""The guard of every Patient write: source identities by default, INS checked, the table of people kept equal."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, cast

from psycopg.errors import ProgramLimitExceeded, UniqueViolation

from maillage.access import writes
from maillage.access.context import Context
from maillage.access.guards import Seen, guard_of_many
from maillage.errors import Conflict, Issue, MaillageError, Unprocessable
from maillage.fhir.change import Change, Verb
from maillage.services.identity.events import PatientStored
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.ins import InsFault, refused
from maillage.services.identity.rules.ins import fault as fault_of
from maillage.services.identity.service import people
from maillage.services.identity.service.people import QUERIES

Resource = dict[str, Any]

FAULTS = {
    InsFault.UNKNOWN_ROOT: "{root} is not an INS root: use 1.2.250.1.213.1.4.8 (NIR), .9 (NIA), .10 (TEST) or .11 (DEMO)",
    InsFault.MALFORMED: "an INS has 15 characters: 13 of the NIR (digits, 2A or 2B) and its key",
    InsFault.WRONG_KEY: "the key of this INS is wrong",
    InsFault.NO_KEY: "this INS has no key",
}


@guard_of_many("Patient")
async def keep_identities(ctx: Context, changes: Sequence[Change]) -> Seen:
    """Marks what comes through the FHIR door as source identities, refuses a false real INS, keeps the table equal.

    Answers Unprocessable naming `Patient.identifier[n]` for an INS with a wrong key on a real root, or of an unknown root.
    """
    records = await _records_of(ctx, changes)
    seen: Seen = []
    for change in changes:
        try:
            seen.append(await _kept(ctx, change, records))
        except MaillageError as refusal:
            return [*seen, refusal]
    return await _saved(ctx, changes, seen)


async def _records_of(ctx: Context, changes: Sequence[Change]) -> dict[str, str | None]:
    """The regional records that those which are there already are or refer to, by their ids."""
    written = [str(change.resource["id"]) for change in changes if change.verb in (Verb.UPDATE, Verb.PUT)]
    if ctx.door != "fhir" or not written:
        return {}
    return {row["patient"]: row["record"] for row in await ctx.run(QUERIES.records_of, patients=written)}


async def _kept(ctx: Context, change: Change, records: Mapping[str, str | None]) -> Resource:
    patient: Resource = {**change.resource}
    if change.verb is Verb.DELETE:
        await ctx.run(QUERIES.forget_person, patient=patient["id"])
        return patient
    _refuse_false_ins(patient)
    patient.setdefault("id", str(uuid.uuid4()))
    if ctx.door == "fhir":
        patient = await _as_it_stands(ctx, patient, records.get(patient["id"]))
        ctx.announce(PatientStored(patient=patient["id"], by_person=writes.limited(ctx.actor)))
    return patient


async def _saved(ctx: Context, changes: Sequence[Change], seen: Seen) -> Seen:
    """Keeps the table of people equal to them, in one statement."""
    kept = [one for change, one in zip(changes, seen, strict=True) if change.verb is not Verb.DELETE and isinstance(one, dict)]
    try:
        await people.keep(ctx, kept)
    except UniqueViolation as fault:
        taken = fault.diag.message_detail or ""
        place = next((place for place, one in enumerate(seen) if isinstance(one, dict) and _says(one, taken)), 0)
        return [*seen[:place], Conflict("a regional record has this INS already: link the identity to it instead")]
    except ProgramLimitExceeded:
        place = max(range(len(seen)), key=lambda place: len(json.dumps(people.row_of(cast(Resource, seen[place])))))
        words = "un nom ou un identifiant est plus long que ce qui peut être conservé"
        return [*seen[:place], Unprocessable("a name or an identifier is longer than can be kept", french=words)]
    return seen


def _says(patient: Resource, taken: str) -> bool:
    """Whether it has the INS that the server says is taken: `Key (ins_root, matricule)=(…, …) already exists.`"""
    ins = patients.ins_of(patient)
    return ins is not None and f"({ins.root}, {ins.matricule})" in taken


async def _as_it_stands(ctx: Context, patient: Resource, record: str | None) -> Resource:
    """A client may change what a Patient says, not what it is: record, linked or waiting identity is a steward's decision."""
    if record == patient["id"]:
        stored = await ctx.records.read("Patient", patient["id"])
        return patients.as_regional(patient, patients.regional_number(stored))
    source = patients.unlinked(patients.as_source_again(patients.as_source(patients.provisional_without_ins(patient))))
    return patients.linked(source, record) if record else source


def _refuse_false_ins(patient: dict[str, Any]) -> None:
    issues = [
        Issue("business-rule", FAULTS[fault_of(ins) or InsFault.MALFORMED].format(root=ins.root), f"Patient.identifier[{rank}]")
        for rank, ins in patients.every_ins_of(patient)
        if refused(ins)
    ]
    if issues:
        raise Unprocessable(issues[0].diagnostics, issues=issues)
