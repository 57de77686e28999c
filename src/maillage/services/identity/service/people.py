"""The table of who is known by what: reading it for a claim, keeping it equal to the Patients."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from maillage.access.context import Context
from maillage.db import load_queries
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.ins import Ins
from maillage.services.identity.rules.matching import Claim, Identifier, Known
from maillage.services.identity.rules.traits import Traits, normal

QUERIES = load_queries("maillage.services.identity")


async def candidates(ctx: Context, claim: Claim) -> list[Known]:
    """Everyone the claim may speak of, by INS, facility identifier or traits."""
    return (await candidates_of_each(ctx, [claim]))[0]


async def candidates_of_each(ctx: Context, claims: Sequence[Claim]) -> list[list[Known]]:
    """Everyone each of the claims may speak of: one statement."""
    found: list[list[Known]] = [[] for _ in claims]
    for row in await ctx.run(QUERIES.candidates, claims=json.dumps([_asked(claim) for claim in claims])):
        found[row["claim"]].append(known_from(row))
    return found


def _asked(claim: Claim) -> dict[str, Any]:
    said = normal(claim.traits)
    return {
        "identifiers": [[identifier.system, identifier.value] for identifier in claim.identifiers],
        "matricule": claim.ins.matricule if claim.ins else None,
        "root": claim.ins.root if claim.ins else None,
        "birth_date": said.birth_date,
        "birth_name": said.birth_name,
        "first_given": said.first_given,
        "sex": said.sex,
    }


def known_from(row: Mapping[str, Any]) -> Known:
    return Known(
        patient=row["patient"],
        record=row["record"],
        traits=Traits(
            row["birth_name"], row["given_names"], row["first_given"], row["birth_date"], row["sex"], row["birth_place"]
        ),
        ins=Ins(row["matricule"], row["ins_root"]) if row["matricule"] else None,
        identifiers=frozenset(Identifier(system, value) for system, value in row["identifiers"]),
    )


async def keep(ctx: Context, people: Sequence[Mapping[str, Any]]) -> None:
    """Make the table say what these Patients say; in their order, so that two writers never wait for each other."""
    if people:
        by_id = {str(patient["id"]): patient for patient in people}  # one that is there twice is refused by the store
        rows = [row_of(by_id[id]) for id in sorted(by_id)]
        await ctx.run(QUERIES.save_people, people=json.dumps(rows))


def row_of(patient: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a Patient, which has an id."""
    said = normal(patients.traits_of(patient))
    ins = patients.ins_of(patient)
    record = patient["id"] if patients.is_regional(patient) else patients.record_of(patient)
    return {
        "patient": patient["id"],
        "record": record,
        "ins_root": ins.root if ins else None,
        "matricule": ins.matricule if ins else None,
        "birth_name": said.birth_name,
        "given_names": said.given_names,
        "first_given": said.first_given,
        "birth_date": said.birth_date,
        "sex": said.sex,
        "birth_place": said.birth_place,
        "identifiers": [[identifier.system, identifier.value] for identifier in patients.identifiers_of(patient)],
    }
