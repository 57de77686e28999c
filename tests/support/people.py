"""Actors for tests, and a platform's way in on a fresh database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.habilitation.carers import CARER_SCOPE
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEED = job_actor("tests/seed")
DOCTOR = "10"  # TRE_G15
MACHINE = Actor(
    id="machine",
    kind=ActorKind.SYSTEM,
    name="Machine of the tests",
    roles=frozenset({Role.SYSTEM}),
    reference="Device/machine",
    scopes=frozenset({"system/*.*"}),
)


def professional(id: str, *roles: Role, name: str = "") -> Actor:
    """A professional signed in, standing for Practitioner/<id>: a doctor, where no role is named."""
    return Actor(
        id=f"psc:{id}",
        kind=ActorKind.PROFESSIONAL,
        name=name or f"Dr {id}",
        roles=frozenset(roles or {Role.PROFESSIONAL}),
        profession=None if roles else DOCTOR,
        reference=f"Practitioner/{id}",
    )


def patient(id: str) -> Actor:
    """A patient signed in, standing for Patient/<id>."""
    return Actor(id=f"patient:{id}", kind=ActorKind.PATIENT, name=id, roles=frozenset({Role.PATIENT}), reference=f"Patient/{id}")


def carer(id: str) -> Actor:
    """A carer signed in, standing for RelatedPerson/<id>."""
    return Actor(id=f"carer:{id}", kind=ActorKind.CARER, name=id, roles=frozenset({Role.CARER}), reference=f"RelatedPerson/{id}")


def sees(scope: str) -> dict[str, Any]:
    """What a RelatedPerson holds that is let see this scope: "agenda", "follow", "whole", "representative"."""
    return {"extension": [{"url": CARER_SCOPE, "valueCode": scope}]}


def officer_of(role: Role) -> Actor:
    """Someone who works for the platform or the agency and cares for nobody: steward, operator, officer, ARS."""
    return Actor(id=f"staff:{role}", kind=ActorKind.PROFESSIONAL, name=str(role), roles=frozenset({role}))


def care_team(patient: str, *members: str, id: str | None = None, **more: Any) -> dict[str, Any]:
    """An active CareTeam of a patient, by id and references."""
    participants = {"participant": [{"member": {"reference": member}} for member in members]} if members else {}
    return {
        "resourceType": "CareTeam",
        "id": id or f"team-{patient}",
        "status": "active",
        "subject": {"reference": f"Patient/{patient}"},
        **participants,
        **more,
    }


@pytest.fixture
def clock() -> FixedClock:
    """Noon, on a Monday, until advanced."""
    return FixedClock(NOON)


@pytest.fixture
async def access(database: Database, clock: FixedClock, tmp_path: Path) -> AsyncIterator[Access]:
    """The way in, on a fresh database, at noon."""
    return Access(database, store=Store(), files=LocalFiles(tmp_path / "files"), clock=clock)
