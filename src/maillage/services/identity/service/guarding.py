"""The guard of every Patient write: source identities by default, INS checked, the table of people kept equal."""

import uuid
from typing import Any

from psycopg.errors import ProgramLimitExceeded, UniqueViolation

from maillage.access import writes
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.errors import Conflict, Issue, Unprocessable
from maillage.fhir.change import Change
from maillage.services.identity.events import PatientStored
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.ins import InsFault, refused
from maillage.services.identity.rules.ins import fault as fault_of
from maillage.services.identity.service import people
from maillage.services.identity.service.people import QUERIES

FAULTS = {
    InsFault.UNKNOWN_ROOT: "{root} is not an INS root: use 1.2.250.1.213.1.4.8 (NIR), .9 (NIA), .10 (TEST) or .11 (DEMO)",
    InsFault.MALFORMED: "an INS has 15 characters: 13 of the NIR (digits, 2A or 2B) and its key",
    InsFault.WRONG_KEY: "the key of this INS is wrong",
    InsFault.NO_KEY: "this INS has no key",
}


@guard("Patient")
async def keep_identity(ctx: Context, change: Change) -> dict[str, Any]:
    """Marks what comes through the FHIR door as a source identity, refuses a false real INS, keeps the table equal.

    Raises Unprocessable naming `Patient.identifier[n]` for an INS with a wrong key on a real root, or of an unknown root.
    """
    patient: dict[str, Any] = {**change.resource}
    if change.verb == "delete":
        await ctx.run(QUERIES.forget_person, patient=patient["id"])
        return patient
    _refuse_false_ins(patient)
    patient.setdefault("id", str(uuid.uuid4()))
    if ctx.door == "fhir":
        patient = await _as_it_stands(ctx, patient)
        ctx.announce(PatientStored(patient=patient["id"], by_person=writes.limited(ctx.actor)))
    try:
        await people.keep(ctx, patient)
    except UniqueViolation as fault:
        raise Conflict("a regional record has this INS already: link the identity to it instead") from fault
    except ProgramLimitExceeded as fault:
        words = "un nom ou un identifiant est plus long que ce qui peut être conservé"
        raise Unprocessable("a name or an identifier is longer than can be kept", french=words) from fault
    return patient


async def _as_it_stands(ctx: Context, patient: dict[str, Any]) -> dict[str, Any]:
    """A client may change what a Patient says, not what it is: record, linked or waiting identity is a steward's decision."""
    record = await ctx.run(QUERIES.record_of, patient=patient["id"])
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
