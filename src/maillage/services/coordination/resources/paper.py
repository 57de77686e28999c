"""What the coordination puts on paper, laid out by Typst: words are data for it, never markup."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

from maillage.services.identity.public import Ins, Traits
from maillage.ui.words import birth_date

LAYOUTS = Path(__file__).parents[1] / "templates" / "coordination"


def printed(layout: str, values: Mapping[str, Any]) -> bytes:
    """The PDF of one of the layouts: "plan" or "meeting"."""
    text = b"\n".join((LAYOUTS / f"{name}.typ").read_bytes() for name in ("paper", layout))
    found: bytes = typst.compile(text, sys_inputs={"said": json.dumps(values)})
    return found


def of_person(said: Traits, ins: Ins | None, *, allergies: str) -> dict[str, Any]:
    """What the head of every page says of the person, so that no page is taken for somebody else's."""
    return {
        "name": f"{said.birth_name.upper()} {said.first_given.title()}",
        "born": f"{'Née' if said.sex == 'female' else 'Né'} le {birth_date(said.birth_date)}" if said.birth_date else "",
        "sex": {"female": "Sexe F", "male": "Sexe M"}.get(said.sex, ""),
        "ins": ins.matricule if ins else "",
        "allergies": allergies,
    }
