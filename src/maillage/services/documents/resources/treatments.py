"""The treatments that a letter at discharge (LDL-SES) writes as entries: those of the way home, and those that were stopped during the stay. Never read from its words."""

import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lxml import etree

from maillage.services.documents.resources.cda import NS, ClinicalDocument
from maillage.services.documents.resources.markup import plain
from maillage.services.documents.resources.moments import day_of
from maillage.ui.words import number

AT_DISCHARGE, GIVEN = "10183-2", "18610-6"
"""Sections by LOINC code. What was given during the stay counts only where its section says that it was stopped."""
MOST, LONGEST = 200, 300
"""Medications of a letter, and characters of a name: nobody takes more."""
_INTERVAL = "{http://www.w3.org/2001/XMLSchema-instance}type"
_UNITS = {"{tbl}": "comprimé", "{cap}": "gélule", "{drop}": "goutte", "{puff}": "bouffée"}
_HOURS = {"h": 1, "d": 24}


@dataclass(frozen=True, slots=True)
class LetterTreatment:
    """One medication: its name, its codes as (OID, code), how it is taken, its days (ISO, empty where not said), whether it was stopped."""

    name: str
    codes: frozenset[tuple[str, str]]
    dose: str
    start: str
    end: str
    stopped: bool


def treatments(document: ClinicalDocument) -> list[LetterTreatment]:
    """Each medication of the two sections, in the order of the letter; none for a letter without entries."""
    found = []
    for section in document.element.iterfind(".//h:section", NS):
        code = section.find("h:code", NS)
        kind = "" if code is None else code.get("code")
        if kind == AT_DISCHARGE or (kind == GIVEN and "arret" in _bare(plain(section.find("h:title", NS)))):
            entries = section.findall("h:entry/h:substanceAdministration", NS)
            found += [_treatment(one, stopped=kind == GIVEN) for one in entries if one.get("negationInd") != "true"]
    return [one for one in found if one.name][:MOST]


def _treatment(entry: etree._Element, *, stopped: bool) -> LetterTreatment:
    material = entry.find("h:consumable/h:manufacturedProduct/h:manufacturedMaterial", NS)
    coded = [] if material is None else [*material.findall("h:code", NS), *material.findall("h:code/h:translation", NS)]
    name = "" if material is None else plain(material.find("h:name", NS))
    times = {str(one.get(_INTERVAL)).rpartition(":")[2]: one for one in reversed(entry.findall("h:effectiveTime", NS))}
    during = times.get("IVL_TS")
    return LetterTreatment(
        name=(name or next((str(one.get("displayName")) for one in coded if one.get("displayName")), ""))[:LONGEST],
        codes=frozenset((str(one.get("codeSystem")), str(one.get("code"))) for one in coded if one.get("code")),
        dose=", ".join(filter(None, (_quantity(entry.find("h:doseQuantity", NS)), _often(times.get("PIVL_TS"))))),
        start=_day(during, "h:low"), end=_day(during, "h:high"), stopped=stopped,
    )  # fmt: skip


def _day(during: etree._Element | None, bound: str) -> str:
    found = None if during is None else during.find(bound, NS)
    try:
        return day_of(found.get("value") or "") if found is not None else ""
    except ValueError:
        return ""


def _quantity(dose: etree._Element | None) -> str:
    if dose is None:
        return ""
    low, high = dose.find("h:low", NS), dose.find("h:high", NS)
    bounds = [one for one in (dose, low, high) if one is not None and _number(one.get("value")) is not None]
    figures = list(dict.fromkeys(number(found) for one in bounds if (found := _number(one.get("value"))) is not None))
    if not figures:
        return ""
    unit = str(bounds[-1].get("unit") or "")[:LONGEST]
    words = _UNITS.get(unit, unit.strip("{}"))
    plural = "s" if unit in _UNITS and (_number(bounds[-1].get("value")) or 0) >= 2 else ""
    return f"{' à '.join(figures)} {words}{plural}".strip()


def _often(frequency: etree._Element | None) -> str:
    period = None if frequency is None else frequency.find("h:period", NS)
    if (
        period is None
        or (value := _number(period.get("value"))) is None
        or (unit := period.get("unit")) not in _HOURS
        or value <= 0
    ):
        return ""
    hours = value * _HOURS[str(unit)]
    if hours <= 24:
        return f"{24 / hours:f} fois par jour" if 24 % hours == 0 else f"toutes les {hours:f} heures"
    return f"tous les {hours / 24:f} jours" if hours % 24 == 0 else f"toutes les {hours:f} heures"


def _number(text: str | None) -> Decimal | None:
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return value.normalize() if value.is_finite() and abs(value.adjusted()) < 7 else None


def _bare(words: str) -> str:
    return unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().casefold()
