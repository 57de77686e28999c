"""Discharge letters of the official test patient, as many as a test needs, each with ids and a title of its own."""

import re
from datetime import UTC, datetime
from uuid import uuid4

from maillage.connectors.mllp.letter import renumbered
from maillage.demo import people
from maillage.demo.letters import DISCHARGE, Letter, Section, cda
from maillage.demo.professionals import Professional, personas_at_work
from maillage.demo.structures import structures

ORDERS = Section("18776-5", "Ce qui est demandé", ("Contrôler la CRP et la créatinine.", "Revoir la patiente dans la semaine."))
COURSE = Section(
    "8648-8", "Évolution dans le service", ("Dermo-hypodermite du pied droit, évolution favorable sous antibiotique.",)
)


def discharge_letter(title: str, *, number: int | None = None) -> bytes:
    """A level 3 CDA by the hospital persona about the patient persona; `number` (any by default) makes its ids."""
    person = next(one for one in people.NAMED if one.key == "patient")
    letter = Letter(
        key="test-letter", model=DISCHARGE, person=person, author=_hospital_doctor(),
        at=datetime(2026, 11, 21, 10, 42, tzinfo=UTC), started=datetime(2026, 11, 14, 19, 5, tzinfo=UTC), sections=(ORDERS, COURSE),
    )  # fmt: skip
    titled = re.sub(rb"<title>[^<]*</title>", f"<title>{title}</title>".encode(), cda(letter), count=1)
    return renumbered(titled, number if number is not None else uuid4().int % 10**12)


def _hospital_doctor() -> Professional:
    return next(one for one in personas_at_work(structures(0.05)) if one.key == "hospital")
