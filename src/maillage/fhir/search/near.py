"""`near` of Location: `latitude|longitude[|distance[|unit]]`, within the distance on the surface of the earth (R4 location.html#positional)."""

from dataclasses import dataclass
from decimal import Decimal
from math import degrees, pi, sin

from maillage.errors import Invalid
from maillage.fhir.amounts import number_key
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.search.compose import Composer, Row
from maillage.fhir.search.logic import AnyOf
from maillage.fhir.search.numbers import number_test
from maillage.fhir.search.values import split, unescape
from maillage.fhir.units import unit

EARTH = 6_371_008.8
"""Mean radius in metres (IUGG)."""
USUAL = "10"
"""Kilometres, where the search gives no distance: R4 leaves it to the server."""
_MARGIN = Decimal("0.000001")
"""Degrees around the band of latitudes that the index is read in, for rounding."""


@dataclass(frozen=True, slots=True)
class Near:
    """A position at most `distance` (metres) from a point (degrees), on a sphere: within 0.6 % of the ellipsoid."""

    key: int
    latitude: Decimal
    longitude: Decimal
    distance: float

    def sql(self, row: Row, composer: Composer) -> str:
        return f"(select true from amount a where a.id = {row}.id and {self._within(composer)} limit 1) is true"

    @property
    def stable(self) -> bool:
        return False

    def ids(self, row: Row, composer: Composer) -> str:
        return f"select a.id from amount a where {self._within(composer)}"

    def _within(self, composer: Composer) -> str:
        return f"a.k = {composer.bind(self.key, 'int8')} and {self._band(composer)} and {self._reached(composer)}"

    def _band(self, composer: Composer) -> str:
        """The latitudes that can be near enough, as an index reads them."""
        width = Decimal(degrees(self.distance / EARTH)) + _MARGIN
        south, north = composer.bind(self.latitude - width, "numeric"), composer.bind(self.latitude + width, "numeric")
        return f"a.lo between {south} and {north}"

    def _reached(self, composer: Composer) -> str:
        """The haversine formula: half the chord to the position is not longer than half that of the distance."""
        y, x = composer.bind(float(self.latitude), "float8"), composer.bind(float(self.longitude), "float8")
        limit = composer.bind(sin(min(self.distance / EARTH, pi) / 2) ** 2, "float8")
        across = f"cosd({y}) * cosd(a.lo::float8) * power(sind((a.hi::float8 - {x}) / 2), 2)"
        return f"power(sind((a.lo::float8 - {y}) / 2), 2) + {across} <= {limit}"


def near(kind: str, parameter: SearchParameter, text: str, modifier: str | None) -> AnyOf:
    """The `near` parameter; alternatives between commas."""
    return AnyOf(tuple(_near(number_key(kind, parameter.code), value) for value in split(text, ",")))


def _near(key: int, text: str) -> Near:
    parts = [unescape(part) for part in split(text, "|")]
    if not 2 <= len(parts) <= 4:
        raise Invalid(f"{text!r} is not latitude|longitude, latitude|longitude|distance or latitude|longitude|distance|unit")
    latitude, longitude, distance, length = (*parts, *("", "", USUAL, "km")[len(parts) :])
    return Near(
        key, _degrees(latitude, 90, "latitude"), _degrees(longitude, 180, "longitude"), _metres(distance or USUAL, length or "km")
    )


def _degrees(text: str, most: int, name: str) -> Decimal:
    value = _number(text)
    if abs(value) > most:
        raise Invalid(f"{text} is no {name} in degrees (-{most} to {most})")
    return value


def _metres(text: str, length: str) -> float:
    value, known = _number(text), unit(length)
    if known is None or known.dimension != "m1":
        raise Invalid(f"{length!r} is no UCUM unit of length, as km, m or [mi_i]")
    if value < 0:
        raise Invalid(f"the distance {text} is negative")
    return float(min(known.canonical(value), Decimal(4 * EARTH)))


def _number(text: str) -> Decimal:
    if text[:1].isalpha():
        raise Invalid(f"{text!r} is not a number without prefix")
    return number_test(f"ge{text}").low
