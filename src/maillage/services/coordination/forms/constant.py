"""What is typed when a constant is logged: a number as people write it, refused where it cannot be, asked again where it hardly can."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from maillage.services.coordination.resources.constants import MEASURES, MILLIMOLES, Measured, Taken
from maillage.ui.words import number

JUMP = 2
"""A value so many times the last one, or that part of it, is asked again."""
SLIPS = (Decimal("0.1"), Decimal(10), Decimal("0.01"), Decimal(100))
LONGEST = 8


@dataclass(frozen=True, slots=True)
class ConstantForm:
    """The form as it was filled in. `value` is in the measure's unit (`typed` as it was typed, where it is in mmol/L); whole where there is no fault and no doubt."""

    measured: Measured
    values: Mapping[str, str]
    value: Decimal = Decimal(0)
    typed: Decimal = Decimal(0)
    second: Decimal | None = None
    moles: bool = False
    faults: dict[str, str] = field(default_factory=dict)
    doubt: str = ""


def constant_form(sent: Mapping[str, str], *, last: Taken | None = None) -> ConstantForm:
    """Reads the form: `mesure`, `valeur`, `minima` of a pressure, `unite` of a glucose, `certain` = the value that was said to be right."""
    measured = MEASURES.get(sent.get("mesure", ""), next(iter(MEASURES.values())))
    moles = measured.key == "glycemie" and sent.get("unite") == "mmol"
    values = {name: sent.get(name, "").strip() for name in ("valeur", "minima", "unite")}
    faults: dict[str, str] = {}
    typed = number_of(values["valeur"])
    value = (typed * MILLIMOLES).quantize(Decimal("0.001")) if typed is not None and moles else typed
    second = number_of(values["minima"]) if measured.key == "tension" else None
    if value is None or typed is None:
        faults["valeur"] = "Indiquez un nombre, par exemple 79,3"
    elif not measured.possible[0] <= value <= measured.possible[1]:
        faults["valeur"] = (
            f"{number(typed)} n’est pas possible : entre {number(measured.possible[0])} et {number(measured.possible[1])} {measured.unit}"
        )
    if measured.key == "tension" and "valeur" not in faults:
        if second is None or not 15 <= second <= 200:
            faults["minima"] = "Indiquez la diastolique, entre 15 et 200 mmHg"
        elif value is not None and second >= value:
            faults["minima"] = "La diastolique est plus basse que la systolique"
    if faults or value is None or typed is None:
        return ConstantForm(measured, values, faults=faults, moles=moles)
    sure = sent.get("certain") == values["valeur"]
    doubt = "" if sure else doubt_of(measured, value, last)
    return ConstantForm(measured, values, value, typed, second, moles, faults, doubt)


def doubt_of(measured: Measured, value: Decimal, last: Taken | None) -> str:
    """The question to ask before such a value is written, or nothing: out of what is likely, or far from the last one."""
    low, high = measured.likely
    far = (
        last is not None
        and last.value > 0
        and measured.key not in {"douleur"}
        and not last.value / JUMP < value < last.value * JUMP
    )
    if low <= value <= high and not far:
        return ""
    near = [
        value * slip
        for slip in SLIPS
        if low <= value * slip <= high and (last is None or last.value / JUMP < value * slip < last.value * JUMP)
    ]
    before = f" La dernière fois : {number(last.value)} {measured.unit}." if last else ""
    return (
        f"{number(value)} {measured.unit}".strip()
        + (f" au lieu de {number(near[0])} ?" if near else ", est-ce bien cela ?")
        + before
    )


def number_of(text: str) -> Decimal | None:
    """A positive number with a comma or a point and plain digits, or None."""
    text = text.replace(" ", "").replace("\u202f", "").replace("\u00a0", "").replace(",", ".")
    if not text.isascii() or not text.replace(".", "", 1).isdigit() or len(text) > LONGEST:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - a lone point
        return None


def typed(value: Decimal) -> str:
    """A number as somebody would type it in a form: its digits, and a comma."""
    return f"{value:f}".replace(".", ",")
