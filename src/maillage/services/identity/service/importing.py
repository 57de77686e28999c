"""People and cases that come from elsewhere in bulk, beside `records.load`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.matching import Reason
from maillage.services.identity.service.people import QUERIES, row_of


@dataclass(frozen=True, slots=True)
class ImportedCase:
    """An identity that waits for a steward already: its Patient id, why, whom to compare it with, where from, since when."""

    patient: str
    reason: Reason
    near: tuple[str, ...]
    origin: str
    opened: datetime


async def import_people(ctx: Context, people: Sequence[Mapping[str, Any]]) -> None:
    """Makes Patients that were loaded known by their traits and numbers; their regional numbers are never given again."""
    ctx.require(Permission.IDENTITY_STEWARD)
    if not people:
        return
    await ctx.run(QUERIES.save_people, people=json.dumps([row_of(patient) for patient in people]))
    numbers = [int(number) for patient in people if (number := patients.regional_number(patient)).isdigit()]
    if numbers:
        await ctx.run(QUERIES.numbers_up_to, last=max(numbers))


async def import_cases(ctx: Context, cases: Sequence[ImportedCase]) -> None:
    """Puts loaded source identities to a steward."""
    ctx.require(Permission.IDENTITY_STEWARD)
    rows = [
        {
            "opened": case.opened.isoformat(),
            "patient": case.patient,
            "reason": case.reason,
            "near": list(case.near),
            "origin": case.origin,
        }
        for case in cases
    ]
    await ctx.run(QUERIES.open_cases, cases=json.dumps(rows))
