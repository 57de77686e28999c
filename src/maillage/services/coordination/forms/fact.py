"""What is asked of who writes a fact into a record: one form a kind, its fields and faults in the same words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Control = Literal["text", "textarea", "date", "tel", "choice", "check"]
LONGEST = 2_000
Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `options` of a choice are (code, words); `future`: whether the day may be ahead."""

    name: str
    label: str
    control: Control = "text"
    needed: bool = False
    hint: str = ""
    options: Options = ()
    future: bool = True


@dataclass(frozen=True, slots=True)
class FactForm:
    """The form as it was filled in: texts trimmed, days ISO where they are days; its faults by field."""

    values: Mapping[str, str]
    faults: dict[str, str] = field(default_factory=dict)


def read(fields: tuple[Field, ...], sent: Mapping[str, str], *, today: date) -> FactForm:
    """Reads what was sent: what is needed is there, days exist, none ends before it begins."""
    values: dict[str, str] = {}
    faults: dict[str, str] = {}
    for one in fields:
        text = sent.get(one.name, "").strip().replace("\r\n", "\n")
        values[one.name] = text if one.control == "textarea" else " ".join(text.split())
        if fault := _fault(one, values[one.name], today):
            faults[one.name] = fault
        elif one.control == "date" and text:
            values[one.name] = str(day(text))
    begins, ends = values.get("depuis"), values.get("jusqua")
    if begins and ends and ends < begins and not {"depuis", "jusqua"} & faults.keys():
        faults["jusqua"] = "La fin est avant le début : vérifiez les deux dates"
    return FactForm(values, faults)


def day(text: str) -> date | None:
    """JJ/MM/AAAA, or the ISO form that a browser's field of a date sends; None for anything else."""
    parts = text.strip().split("/")
    try:
        return date(int(parts[2]), int(parts[1]), int(parts[0])) if len(parts) == 3 else date.fromisoformat(text.strip())
    except ValueError:
        return None


def _fault(one: Field, text: str, today: date) -> str:
    if not text:
        return f"Indiquez : {one.label[0].lower()}{one.label[1:]}" if one.needed else ""
    if len(text) > LONGEST:
        return f"{LONGEST} caractères au plus"
    if one.control == "choice" and text not in {code for code, _ in one.options}:
        return "Choisissez dans la liste"
    if one.control == "date":
        found = day(text)
        if found is None:
            return "Cette date n’existe pas : écrivez-la ainsi, 28/03/2026"
        if found.year < 1900:
            return "Cette date est trop ancienne : vérifiez l’année"
        if found > today and not one.future:
            return "Cette date est à venir : vérifiez l’année"
        if found.year > today.year + 50:
            return "Cette date est trop lointaine : vérifiez l’année"
    return ""
