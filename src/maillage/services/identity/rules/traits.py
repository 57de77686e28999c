"""The identity traits of a person and their normal form (RNIV 1 v2.0)."""

import unicodedata
from dataclasses import dataclass, replace

APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "‐": "-", "‑": "-", "–": "-"})
LIGATURES = str.maketrans({"Œ": "OE", "œ": "OE", "Æ": "AE", "æ": "AE", "ß": "SS"})
UNKNOWN_BIRTH_PLACE = "99999"


@dataclass(frozen=True, slots=True)
class Traits:
    """Strict traits (birth name, first names, date, sex, place) and the complementary ones a decision may read.

    `birth_date` is ISO (`1979-03-28`), `sex` is FHIR administrative gender, `birth_place` a COG code of 5 characters.
    Empty text means the trait was not given.
    """

    birth_name: str = ""
    given_names: str = ""
    first_given: str = ""
    birth_date: str = ""
    sex: str = ""
    birth_place: str = ""
    used_name: str = ""
    used_given: str = ""
    phone: str = ""
    address: str = ""


def normal_name(text: str) -> str:
    """Upper case without accents; hyphens and apostrophes kept, other marks and repeated blanks become one blank."""
    text = text.translate(APOSTROPHES).translate(LIGATURES)
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).upper()
    return " ".join("".join(c if c.isalnum() or c in "-'" else " " for c in bare).split())


def loose_name(text: str) -> str:
    """Normal form in which hyphens and apostrophes count as blanks: equal for `PAT-TROIS` and `PAT TROIS`."""
    return normal_name(text).replace("-", " ").replace("'", " ")


def normal(traits: Traits) -> Traits:
    """The traits in the form they are compared in; the first given name is taken from the list when it is missing."""
    given_names = normal_name(traits.given_names or traits.first_given)
    return replace(
        traits,
        birth_name=normal_name(traits.birth_name),
        given_names=given_names,
        first_given=normal_name(traits.first_given) or given_names.partition(" ")[0],
        birth_place=traits.birth_place.strip().upper(),
        used_name=normal_name(traits.used_name),
        used_given=normal_name(traits.used_given),
        phone="".join(c for c in traits.phone if c.isdigit()),
    )


def complete(traits: Traits) -> bool:
    """True when birth name, first given name, birth date and sex are all known: the least to tell two people apart."""
    return all(
        (traits.birth_name, traits.first_given, len(traits.birth_date) == len("1979-03-28"), traits.sex in ("male", "female"))
    )
