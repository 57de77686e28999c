"""Where a Location is: the point that `near` searches, kept as a pair of numbers (latitude, longitude) in degrees of WGS84."""

from typing import Any

from maillage.fhir.amounts import Amount
from maillage.fhir.extraction import Collect, IndexRows


def collector(code: str) -> Collect:
    """What collects a `Location.position`."""

    def collect(value: Any, rows: IndexRows) -> None:
        latitude, longitude = value.get("latitude"), value.get("longitude")
        if latitude is not None and longitude is not None:
            rows.present.add(code)
            rows.amounts.setdefault(Amount(code, latitude, longitude, pair=True), set())

    return collect
