"""What is typed about a wound: where and what it is, and how large it is today."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from maillage.services.coordination.forms.constant import number_of
from maillage.services.coordination.resources.wound import DEPTH, DRAINAGES, KINDS, LENGTH, SITES, STAGES, WIDTH

LONGEST_SIDE = Decimal(60)  # centimetres
LONGEST_NOTE = 1000
SIZES = {"longueur": LENGTH, "largeur": WIDTH, "profondeur": DEPTH}


@dataclass(frozen=True, slots=True)
class WoundForm:
    """A new wound as it was filled in."""

    values: Mapping[str, str]
    faults: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LookForm:
    """One look as it was filled in; `sizes` in centimetres by LOINC code."""

    values: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, Decimal] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def wound_form(sent: Mapping[str, str], *, today: date) -> WoundForm:
    """Reads `siege`, `type`, `stade`, `depuis`."""
    values = {name: sent.get(name, "").strip() for name in ("siege", "type", "stade", "depuis")}
    faults: dict[str, str] = {}
    if values["siege"] not in SITES:
        faults["siege"] = "Choisissez l’endroit du corps"
    if values["type"] not in KINDS:
        faults["type"] = "Choisissez le type de plaie"
    if values["stade"] and (values["stade"] not in STAGES or values["type"] != "pressure"):
        faults["stade"] = "Le stade ne se dit que d’une escarre"
    if values["depuis"]:
        try:
            if date.fromisoformat(values["depuis"]) > today:
                faults["depuis"] = "Cette date est à venir"
        except ValueError:
            faults["depuis"] = "Indiquez une date, ou laissez vide"
    return WoundForm(values, faults)


def look_form(sent: Mapping[str, str], *, pictured: bool) -> LookForm:
    """Reads `longueur`, `largeur`, `profondeur` (cm), `exsudat`, `remarque`; a photograph alone is a look too."""
    values = {name: sent.get(name, "").strip() for name in (*SIZES, "exsudat", "remarque")}
    faults: dict[str, str] = {}
    sizes: dict[str, Decimal] = {}
    for name, code in SIZES.items():
        number = number_of(values[name])
        if values[name] and number is None:
            faults[name] = "Indiquez un nombre de centimètres, par exemple 2,5"
        elif number is not None and number > LONGEST_SIDE:
            faults[name] = f"{LONGEST_SIDE} cm au plus"
        elif number is not None:
            sizes[code] = number
    if (LENGTH in sizes) != (WIDTH in sizes) and not faults:
        faults["largeur" if LENGTH in sizes else "longueur"] = "La longueur et la largeur vont ensemble"
    if values["exsudat"] and values["exsudat"] not in DRAINAGES:
        faults["exsudat"] = "Choisissez dans la liste"
    if len(values["remarque"]) > LONGEST_NOTE:
        faults["remarque"] = f"{LONGEST_NOTE} caractères au plus"
    if not faults and not sizes and not pictured:
        faults["longueur"] = "Mesurez la plaie, ou prenez-la en photo"
    return LookForm(values, sizes, faults)
