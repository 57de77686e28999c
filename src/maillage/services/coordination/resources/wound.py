"""Condition and Observation (FHIR R4) ↔ a wound that is followed: where it is, how large it was each time it was looked at.

A wound is a Condition of category `urn:maillage:condition|wound`. Each time it is measured is one Observation, LOINC 39135-9 (wound assessment panel), whose
`focus` is the wound, with length 39126-8, width 39125-0, depth 39127-6 and area 89260-4 as components and its photograph in `derivedFrom` [M: codes].
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from maillage.services.coordination.resources.constants import LOINC, UCUM
from maillage.services.coordination.resources.photo import named

Resource = dict[str, Any]

WOUND = {"system": "urn:maillage:condition", "code": "wound", "display": "Plaie suivie"}
KIND, SITE, DRAINAGE = "urn:maillage:wound", "urn:maillage:body-site", "urn:maillage:wound-drainage"
PANEL, LENGTH, WIDTH, DEPTH, AREA, EXUDATE = "39135-9", "39126-8", "39125-0", "39127-6", "89260-4", "39133-4"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
EXAM = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "exam"}

KINDS: Mapping[str, str] = {
    "pressure": "Escarre", "leg": "Ulcère de jambe", "diabetic-foot": "Plaie du pied diabétique", "surgical": "Plaie opératoire",
    "injury": "Plaie traumatique", "burn": "Brûlure", "other": "Autre plaie",
}  # fmt: skip
DRAINAGES: Mapping[str, str] = {"none": "Aucun", "low": "Faible", "moderate": "Modéré", "high": "Abondant"}
STAGES = ("I", "II", "III", "IV")
"""Of a pressure injury; skin that is red, then the depth that is lost."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place of the body: its words, whether it is seen from behind, and where it is on the drawing (100 × 224)."""

    words: str
    behind: bool
    x: int
    y: int


def _sites() -> Mapping[str, Site]:
    """From the side of the person: their left is on the right of the drawing seen from the front."""
    middle = {
        "head": Site("Tête", False, 50, 18), "neck": Site("Cou", False, 50, 36), "chest": Site("Thorax", False, 50, 60),
        "abdomen": Site("Abdomen", False, 50, 92), "back": Site("Dos", True, 50, 66), "sacrum": Site("Sacrum", True, 50, 106),
    }  # fmt: skip
    of_one_side = {  # words of the place, whether they are feminine, from behind, how far from the middle, how far down
        "shoulder": ("Épaule", "e", False, 18, 46), "arm": ("Bras", "", False, 26, 68), "elbow": ("Coude", "", True, 31, 86),
        "forearm": ("Avant-bras", "", False, 35, 106), "hand": ("Main", "e", False, 37, 128), "hip": ("Hanche", "e", False, 16, 114),
        "buttock": ("Fesse", "e", True, 9, 118), "thigh": ("Cuisse", "e", False, 10, 140), "knee": ("Genou", "", False, 11, 163),
        "leg": ("Jambe", "e", False, 12, 184), "calf": ("Mollet", "", True, 12, 180), "ankle": ("Cheville", "e", False, 13, 202),
        "heel": ("Talon", "", True, 12, 212), "sole": ("Plante du pied", "", True, 12, 218), "toes": ("Orteils", "s", False, 14, 216),
    }  # fmt: skip
    found = dict(middle)
    for code, (words, form, behind, away, y) in of_one_side.items():
        right, left = {"e": ("droite", "gauche"), "s": ("droits", "gauches")}.get(form, ("droit", "gauche"))
        outward = 1 if behind else -1
        found[f"{code}-right"] = Site(f"{words} {right}", behind, 50 + outward * away, y)
        found[f"{code}-left"] = Site(f"{words} {left}", behind, 50 - outward * away, y)
    return found


SITES = _sites()


@dataclass(frozen=True, slots=True)
class Assessment:
    """One look at a wound: centimetres and square centimetres, the photographs' ids."""

    id: str
    version: str
    at: datetime
    by: str
    length: Decimal | None
    width: Decimal | None
    depth: Decimal | None
    area: Decimal | None
    drainage: str
    note: str
    photos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wound:
    """A wound and how it went, the oldest look first."""

    id: str
    version: str
    words: str
    site: str
    place: Site | None
    since: str
    stage: str
    closed: str
    looks: tuple[Assessment, ...]

    @property
    def last(self) -> Assessment | None:
        """The last look."""
        return self.looks[-1] if self.looks else None

    @property
    def areas(self) -> list[tuple[datetime, Decimal]]:
        """When it was how large."""
        return [(one.at, one.area) for one in self.looks if one.area is not None]


def wound_for(*, kind: str, site: str, stage: str, since: str, patient: str, by: str | None, at: datetime) -> Resource:
    """The Condition of a wound; `since` a day, empty where nobody knows."""
    return {
        "resourceType": "Condition", "category": [{"coding": [WOUND]}], "clinicalStatus": _code(CLINICAL, "active"),
        "verificationStatus": _code(VERIFIED, "confirmed"), "code": {"coding": [{"system": KIND, "code": kind}], "text": KINDS[kind]},
        "bodySite": [site_of(site)], "subject": {"reference": f"Patient/{patient}"}, "recordedDate": at.isoformat(timespec="seconds"),
        **({"onsetDateTime": since} if since else {}), **({"recorder": {"reference": by}} if by else {}),
        **({"stage": [{"summary": {"text": f"Stade {stage}"}}]} if stage else {}),
    }  # fmt: skip


def site_of(site: str) -> Resource:
    """The place of the body as a CodeableConcept."""
    return {"coding": [{"system": SITE, "code": site}], "text": SITES[site].words}


def closed(resource: Resource, day: str) -> Resource:
    """The wound, closed since a day."""
    return {**resource, "clinicalStatus": _code(CLINICAL, "resolved"), "abatementDateTime": day}


def assessment_for(
    sizes: Mapping[str, Decimal], *, wound: str, patient: str, site: Resource | None, drainage: str, note: str, photos: Iterable[str],
    by: str | None, name: str, at: datetime,
) -> Resource:  # fmt: skip
    """The Observation of one look; `sizes` in centimetres by LOINC code, `wound` and `photos` ids."""
    components = [_size(code, sizes[code], "cm") for code in (LENGTH, WIDTH, DEPTH) if code in sizes]
    if LENGTH in sizes and WIDTH in sizes:
        components.append(_size(AREA, sizes[LENGTH] * sizes[WIDTH], "cm2"))
    if drainage:
        value = {"coding": [{"system": DRAINAGE, "code": drainage}], "text": DRAINAGES[drainage]}
        components.append({"code": _loinc(EXUDATE, "Exsudat"), "valueCodeableConcept": value})
    pictures = [{"reference": f"Media/{one}"} for one in photos]
    return {
        "resourceType": "Observation", "status": "final", "category": [{"coding": [EXAM]}], "code": _loinc(PANEL, "Évaluation de la plaie"),
        "subject": {"reference": f"Patient/{patient}"}, "focus": [{"reference": f"Condition/{wound}"}], "effectiveDateTime": at.isoformat(timespec="seconds"),
        "component": components, **({"bodySite": site} if site else {}), **({"derivedFrom": pictures} if pictures else {}),
        **({"note": [{"text": note}]} if note else {}), **({"performer": [{"reference": by, "display": name}]} if by else {}),
    }  # fmt: skip


def wounds(conditions: Iterable[Resource], observations: Iterable[Resource]) -> list[Wound]:
    """The wounds among these, those that are open first, the newest first; a look in error, or without an instant, is left out."""
    looks: dict[str, list[Assessment]] = {}
    for one in observations:
        at = str(one.get("effectiveDateTime", ""))
        if one.get("status") != "entered-in-error" and "T" in at:
            for focus in one.get("focus", []):
                looks.setdefault(str(focus.get("reference", "")), []).append(_assessment(one, datetime.fromisoformat(at)))
    found = [_wound(one, looks.get(f"Condition/{one['id']}", [])) for one in conditions if is_wound(one)]
    return sorted(sorted(found, key=lambda one: one.since, reverse=True), key=lambda one: bool(one.closed))


def is_wound(resource: Resource) -> bool:
    """Whether a Condition is a wound that is followed."""
    codings = [coding for one in resource.get("category", []) for coding in one.get("coding", [])]
    return any((one.get("system"), one.get("code")) == (WOUND["system"], WOUND["code"]) for one in codings)


WEEKS, ENOUGH = timedelta(weeks=4), Decimal("0.2")


def slow(wound: Wound, now: datetime) -> bool:
    """Whether a wound lost less than a fifth of its area in four weeks: then an opinion is asked (COORDINATION.md §3, wounds [M])."""
    if wound.closed or not wound.areas:
        return False
    before = [area for at, area in wound.areas if now - at >= WEEKS]
    return bool(before) and before[-1] > 0 and wound.areas[-1][1] > before[-1] * (1 - ENOUGH)


def _wound(resource: Resource, looks: list[Assessment]) -> Wound:
    site = _first(resource, "bodySite")
    code = next((str(one.get("code")) for one in site.get("coding", []) if one.get("system") == SITE), "")
    place = SITES.get(code)
    known: Resource = resource.get("code", {})
    words = known.get("text") or next((one.get("display") for one in known.get("coding", []) if one.get("display")), "Plaie")
    over = {one.get("code") for one in resource.get("clinicalStatus", {}).get("coding", [])} & {
        "resolved",
        "inactive",
        "remission",
    }
    return Wound(
        id=resource["id"], version=str(resource.get("meta", {}).get("versionId", "")), words=str(words),
        site=str(site.get("text") or (place.words if place else "Siège non précisé")), place=place,
        since=str(resource.get("onsetDateTime") or resource.get("recordedDate", ""))[:10],
        stage=str(_first(resource, "stage").get("summary", {}).get("text", "")),
        closed=(str(resource.get("abatementDateTime", ""))[:10] or "oui") if over else "",
        looks=tuple(sorted(looks, key=lambda one: one.at)),
    )  # fmt: skip


def _assessment(resource: Resource, at: datetime) -> Assessment:
    parts = {
        str(coding.get("code")): part
        for part in resource.get("component", []) for coding in part.get("code", {}).get("coding", []) if coding.get("system") == LOINC
    }  # fmt: skip
    sizes = {code: _centimetres(parts.get(code, {}).get("valueQuantity", {}), code) for code in (LENGTH, WIDTH, DEPTH, AREA)}
    length, width = sizes[LENGTH], sizes[WIDTH]
    area = sizes[AREA] if sizes[AREA] is not None or length is None or width is None else (length * width).normalize()
    return Assessment(
        id=resource["id"], version=str(resource.get("meta", {}).get("versionId", "")), at=at,
        by=str(_first(resource, "performer").get("display", "")), length=length, width=width, depth=sizes[DEPTH], area=area,
        drainage=str(parts.get(EXUDATE, {}).get("valueCodeableConcept", {}).get("text", "")),
        note=" ".join(str(one.get("text", "")) for one in resource.get("note", [])), photos=named(resource.get("derivedFrom", [])),
    )  # fmt: skip


def _first(resource: Resource, name: str) -> Resource:
    found: list[Resource] = resource.get(name, [])
    return found[0] if found else {}


def _centimetres(quantity: Resource, code: str) -> Decimal | None:
    """A length in cm, an area in cm²; millimetres are turned, another unit is none."""
    unit = quantity.get("code") or quantity.get("unit", "")
    if "value" not in quantity:
        return None
    value = Decimal(str(quantity["value"]))
    if code == AREA:
        return {"cm2": value, "cm²": value, "mm2": (value / 100).normalize(), "[sin_i]": None}.get(unit)
    return {"cm": value, "mm": (value / 10).normalize()}.get(unit)


def _size(code: str, value: Decimal, unit: str) -> Resource:
    words = {LENGTH: "Longueur", WIDTH: "Largeur", DEPTH: "Profondeur", AREA: "Surface"}[code]
    shown = "cm²" if unit == "cm2" else unit
    return {"code": _loinc(code, words), "valueQuantity": {"value": value, "unit": shown, "system": UCUM, "code": unit}}


def _loinc(code: str, words: str) -> Resource:
    return {"coding": [{"system": LOINC, "code": code}], "text": words}


def _code(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}
