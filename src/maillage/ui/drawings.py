"""The drawings of the pages, in SVG made on the server: sparklines, bars by category, lines over time. Geometry only; words are the caller's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

Measure = int | float | Decimal

SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 132.0, 36.0, 5.1


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Points of the line, the last one, whether it is out of its target, and the target band's top and height if there is one."""

    points: str
    last: tuple[float, float]
    out: bool
    band: tuple[float, float] | None


def sparkline(values: Sequence[Measure], *, low: Measure | None = None, high: Measure | None = None) -> Sparkline:
    """Six to twelve values, oldest first, in a box of 132 × 36; `low` and `high` bound the target. Raises ValueError under two values."""
    if len(values) < 2:
        raise ValueError("A sparkline needs two values at least")
    numbers = [float(value) for value in values]
    bottom = min([*numbers, *(float(bound) for bound in (low, high) if bound is not None)])
    top = max([*numbers, *(float(bound) for bound in (low, high) if bound is not None)])
    span = (top - bottom) or 1.0

    def y(value: float) -> float:
        return round(SPARK_HEIGHT - SPARK_MARGIN - (value - bottom) / span * (SPARK_HEIGHT - 2 * SPARK_MARGIN), 1)

    step = (SPARK_WIDTH - 10) / (len(numbers) - 1)
    xy = [(round(3 + index * step, 1), y(value)) for index, value in enumerate(numbers)]
    out = (low is not None and numbers[-1] < float(low)) or (high is not None and numbers[-1] > float(high))
    band = None
    if low is not None or high is not None:
        upper, lower = y(float(high) if high is not None else top), y(float(low) if low is not None else bottom)
        band = (upper, round(max(lower - upper, 1.0), 1))
    return Sparkline(points=" ".join(f"{x},{at}" for x, at in xy), last=xy[-1], out=out, band=band)


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart: its label, its value, the length of its whole and of its first part, and where it stands."""

    label: str
    value: int
    part: int
    length: float
    part_length: float
    y: int


def bars(rows: Sequence[tuple[str, int, int]], *, width: int, row_height: int = 34) -> list[Bar]:
    """Horizontal bars for (label, whole, part) rows, the longest filling `width`."""
    most = max((whole for _, whole, _ in rows), default=0) or 1
    return [
        Bar(label, whole, part, round(width * whole / most, 1), round(width * part / most, 1), index * row_height)
        for index, (label, whole, part) in enumerate(rows)
    ]


@dataclass(frozen=True, slots=True)
class Plot:
    """A line over time in a box: its points, each point apart, and the horizontal marks (height, label)."""

    points: str
    dots: list[tuple[float, float]]
    marks: list[tuple[float, int]]


def plot(values: Sequence[int], *, left: int, right: int, top: int, bottom: int) -> Plot:
    """The line of these values from `left` to `right`, zero at `bottom`, with up to four round marks."""
    ceiling = _round_ceiling(max(values, default=0))
    step = (right - left) / max(len(values) - 1, 1)
    dots = [
        (round(left + index * step, 1), round(bottom - (bottom - top) * value / ceiling, 1)) for index, value in enumerate(values)
    ]
    levels = sorted({0, ceiling // 2, ceiling})
    marks = [(round(bottom - (bottom - top) * level / ceiling, 1), level) for level in levels]
    return Plot(points=" ".join(f"{x},{y}" for x, y in dots), dots=dots, marks=marks)


def _round_ceiling(value: int) -> int:
    """The next round number: 1, 2, 5 or 10 times a power of ten, never under 2."""
    power = 1
    while True:
        for factor in (2, 4, 10):
            if value <= factor * power:
                return factor * power
        power *= 10


@dataclass(frozen=True, slots=True)
class Curve:
    """A measure over time in a box of 360 × 150: the line, each dot and whether it is out, the target band, marks at the left, both ends."""

    points: str
    dots: list[tuple[float, float, bool]]
    band: tuple[float, float] | None
    marks: list[tuple[float, Decimal]]
    first: datetime
    final: datetime


CURVE_LEFT, CURVE_RIGHT, CURVE_TOP, CURVE_BOTTOM = 50.0, 344.0, 12.0, 124.0


def curve(values: Sequence[tuple[datetime, Decimal]], *, low: Decimal | None = None, high: Decimal | None = None) -> Curve:
    """Two values or more, oldest first, each where its instant is; `low` and `high` bound the target. Raises ValueError under two."""
    if len(values) < 2:
        raise ValueError("A curve needs two values at least")
    numbers = [value for _, value in values]
    bounds = [bound for bound in (low, high) if bound is not None]
    bottom, top = min(*numbers, *bounds), max(*numbers, *bounds)
    span, first, final = (top - bottom) or Decimal(1), values[0][0], values[-1][0]
    seconds = (final - first).total_seconds() or 1.0

    def y(value: Decimal) -> float:
        return round(CURVE_BOTTOM - float((value - bottom) / span) * (CURVE_BOTTOM - CURVE_TOP), 1)

    def out(value: Decimal) -> bool:
        return (low is not None and value < low) or (high is not None and value > high)

    dots = [
        (round(CURVE_LEFT + (at - first).total_seconds() / seconds * (CURVE_RIGHT - CURVE_LEFT), 1), y(value), out(value))
        for at, value in values
    ]
    band = (y(high if high is not None else top), 0.0) if bounds else None
    if band:
        band = (band[0], round(max(y(low if low is not None else bottom) - band[0], 1.0), 1))
    marks = [(y(one), one) for one in sorted({bottom, top})]
    return Curve(" ".join(f"{x},{at}" for x, at, _ in dots), dots, band, marks, first, final)
