"""A heel that heals: a wound of the nurse's round, measured and photographed each week; the photographs are drawn."""

import base64
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from maillage.demo.numbers import resource_id
from maillage.demo.people import Person
from maillage.demo.professionals import Professional

Resource = dict[str, Any]

SIZES = (("4.2", "3"), ("3.8", "2.7"), ("3.1", "2.2"), ("2.4", "1.6"))  # centimetres, a week apart, the oldest first
SIDE = 480
PER_CENTIMETRE = 70
SKIN, EDGE, BED = (226, 190, 168), (206, 128, 116), (150, 44, 44)
HEEL = {"coding": [{"system": "urn:maillage:body-site", "code": "heel-right"}], "text": "Talon droit"}
LOINC = "http://loinc.org"


def healing(nurse: Professional, person: Person, *, at: datetime) -> Iterator[Resource]:
    """The wound, and for each week its photograph and its measure."""
    began = at - timedelta(weeks=len(SIZES), hours=3)
    wound = resource_id("Condition", f"heel-{person.id}")
    yield {
        "resourceType": "Condition", "id": wound, "category": [{"coding": [{"system": "urn:maillage:condition", "code": "wound"}]}],
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]},
        "code": {"coding": [{"system": "urn:maillage:wound", "code": "pressure"}], "text": "Escarre"}, "bodySite": [HEEL],
        "stage": [{"summary": {"text": "Stade II"}}], "subject": {"reference": person.reference}, "onsetDateTime": began.date().isoformat(),
        "recordedDate": began.isoformat(), "recorder": {"reference": nurse.reference},
    }  # fmt: skip
    for week, (length, width) in enumerate(SIZES):
        when = began + timedelta(weeks=week)
        photo = resource_id("Media", f"heel-{person.id}-{week}")
        yield {
            "resourceType": "Media", "id": photo, "status": "completed", "subject": {"reference": person.reference}, "createdDateTime": when.isoformat(),
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image"}]}, "bodySite": HEEL,
            "operator": {"reference": nurse.reference, "display": nurse.name},
            "content": {"contentType": "image/jpeg", "title": "Escarre", "creation": when.isoformat(), "data": _photograph(Decimal(length), Decimal(width))},
        }  # fmt: skip
        yield {
            "resourceType": "Observation", "id": resource_id("Observation", f"heel-{person.id}-{week}"), "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "exam"}]}],
            "code": {"coding": [{"system": LOINC, "code": "39135-9"}], "text": "Évaluation de la plaie"}, "subject": {"reference": person.reference},
            "focus": [{"reference": f"Condition/{wound}"}], "bodySite": HEEL, "effectiveDateTime": when.isoformat(),
            "performer": [{"reference": nurse.reference, "display": nurse.name}], "derivedFrom": [{"reference": f"Media/{photo}"}],
            "component": [
                _size("39126-8", "Longueur", Decimal(length), "cm"), _size("39125-0", "Largeur", Decimal(width), "cm"),
                _size("89260-4", "Surface", Decimal(length) * Decimal(width), "cm2"),
            ],
        }  # fmt: skip


def _size(code: str, words: str, value: Decimal, unit: str) -> Resource:
    quantity = {"value": value, "unit": unit.replace("2", "²"), "system": "http://unitsofmeasure.org", "code": unit}
    return {"code": {"coding": [{"system": LOINC, "code": code}], "text": words}, "valueQuantity": quantity}


def _photograph(length: Decimal, width: Decimal) -> str:
    """Skin, and a wound of this size in the middle of it, as a JPEG in base64."""
    image = Image.new("RGB", (SIDE, SIDE), SKIN)
    drawing = ImageDraw.Draw(image)
    for colour, margin in ((EDGE, 14), (BED, 0)):
        across, down = int(length * PER_CENTIMETRE) // 2 + margin, int(width * PER_CENTIMETRE) // 2 + margin
        drawing.ellipse((SIDE // 2 - across, SIDE // 2 - down, SIDE // 2 + across, SIDE // 2 + down), fill=colour)
    written = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(5)).save(written, "JPEG", quality=70)
    return base64.b64encode(written.getvalue()).decode()
