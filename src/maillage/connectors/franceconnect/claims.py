"""The pivot of identity: the six traits that FranceConnect answers for everyone, checked against the register of persons (RNIPP)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maillage.connectors.psc.tokens import SignInRefused

FRANCE = "99100"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_COG = re.compile(r"[0-9][0-9AB][0-9]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pivot:
    """Birth name, all given names, ISO date, administrative gender, and the COG code of the place (of the country for those born abroad)."""

    birth_name: str
    given_names: str
    birth_date: str
    sex: str
    birth_place: str

    @property
    def first_given(self) -> str:
        """The first of the given names."""
        return self.given_names.split()[0]

    @property
    def name(self) -> str:
        """As pages show it."""
        return f"{self.first_given} {self.birth_name}"


def pivot_of(claims: Mapping[str, Any]) -> Pivot:
    """The pivot of a userinfo answer. Raises SignInRefused (reason "dossier") where a trait is missing or unknown, as a birth date without a day."""
    said = {
        name: str(claims.get(name) or "").strip()
        for name in ("family_name", "given_name", "birthdate", "gender", "birthplace", "birthcountry")
    }
    place = said["birthplace"] if said["birthcountry"] in ("", FRANCE) else said["birthcountry"]
    whole = (
        said["family_name"] and said["given_name"] and _DATE.fullmatch(said["birthdate"]) and said["gender"] in ("male", "female")
    )
    if not whole or not _COG.fullmatch(place):
        raise SignInRefused("The pivot of identity is not whole.", reason="dossier")
    return Pivot(
        birth_name=said["family_name"],
        given_names=said["given_name"],
        birth_date=said["birthdate"],
        sex=said["gender"],
        birth_place=place,
    )
