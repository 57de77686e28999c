"""The French of the screens: dates, ages, numbers, plurals, names, and the spaces of French typography.

Dates come as `date`, aware `datetime` or FHIR text (`1979`, `1979-03`, `1979-03-28`, instants with an offset) and are shown in Paris time.
The forms are those of the design: 28/03/1979 for a birth, 23 nov. 2026 for care, « lundi 23 novembre 2026 » for the public, 14:05 in
columns, 14 h 05 in prose. Pure: « now » is always handed in.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from maillage.clock import in_paris

When = date | datetime | str

THIN = "\u202f"
HARD = "\u00a0"

DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
SHORT_DAYS = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")
MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
SHORT_MONTHS = ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")

_FHIR_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?\Z")
_BEFORE = re.compile(r" (?=[;?!%»:€](?:\s|$|[.,)»]))")


def _local(value: When) -> datetime | date:
    """The moment in Paris; a bare date stays a date. Raises ValueError on text that is neither."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    if isinstance(value, datetime):
        return in_paris(value if value.tzinfo else value.replace(tzinfo=UTC))
    return value


def _day(value: When) -> date:
    local = _local(value)
    return local.date() if isinstance(local, datetime) else local


def _partial(value: When) -> tuple[str, ...] | None:
    """The parts of a FHIR date that lacks its day, else None."""
    if isinstance(value, str) and (match := _FHIR_DATE.match(value)) and not match[3]:
        return tuple(part for part in match.groups() if part)
    return None


def birth_date(value: When) -> str:
    """As on an identity: 28/03/1979, or 03/1979, or 1979."""
    if partial := _partial(value):
        return "/".join(reversed(partial))
    return f"{_day(value):%d/%m/%Y}"


def care_date(value: When, *, year: bool = True) -> str:
    """As clinicians read it: 23 nov. 2026."""
    if partial := _partial(value):
        months = [SHORT_MONTHS[int(month) - 1] for month in partial[1:]]
        return " ".join([*months, partial[0]])
    day = _day(value)
    words = f"{_of_month(day)}{HARD}{SHORT_MONTHS[day.month - 1]}"
    return f"{words}{HARD}{day.year}" if year else words


def _of_month(day: date) -> str:
    return "1er" if day.day == 1 else str(day.day)


def full_date(value: When) -> str:
    """As the public reads it: lundi 23 novembre 2026 (1er for the first of a month)."""
    if _partial(value):
        return care_date(value)
    day = _day(value)
    return f"{DAYS[day.weekday()]} {_of_month(day)}{HARD}{MONTHS[day.month - 1]} {day.year}"


def clock_time(value: When) -> str:
    """In columns: 14:05; empty for a bare date."""
    if _partial(value):
        return ""
    local = _local(value)
    return f"{local.hour}:{local:%M}" if isinstance(local, datetime) else ""


def spoken_time(value: When) -> str:
    """In prose: 14 h 05, 9 h for the full hour; empty for a bare date."""
    if _partial(value):
        return ""
    local = _local(value)
    if not isinstance(local, datetime):
        return ""
    return f"{local.hour}{HARD}h" + (f"{HARD}{local:%M}" if local.minute else "")


def day_words(value: When, now: datetime) -> str:
    """« aujourd’hui », « hier », « samedi » under seven days back, else 9 nov. or 9 nov. 2025."""
    if _partial(value):
        return care_date(value)
    day, today = _day(value), _day(now)
    back = (today - day).days
    near = {0: "aujourd’hui", 1: "hier", -1: "demain"}
    if back in near:
        return near[back]
    if 0 < back < 7:
        return DAYS[day.weekday()]
    return care_date(day, year=day.year != today.year)


def moment(value: When, now: datetime) -> str:
    """In a list: 11:42 today, sam. 11:42 under seven days back, else 9 nov. or 9 nov. 2025."""
    if _partial(value):
        return care_date(value)
    day, today = _day(value), _day(now)
    back = (today - day).days
    if back == 0:
        return clock_time(value) or "aujourd’hui"
    if 0 < back < 7:
        return f"{SHORT_DAYS[day.weekday()]} {clock_time(value)}".strip()
    return care_date(day, year=day.year != today.year)


def moment_words(value: When, now: datetime) -> str:
    """In a sentence: « hier à 14 h 05 », « samedi à 14 h 02 », « le 9 nov. à 8 h »."""
    words = day_words(value, now)
    if _partial(value):
        return f"en {words}"
    if words[0].isdigit():
        words = f"le {words}"
    at = spoken_time(value)
    return f"{words} à {at}" if at else words


def deadline(value: When, now: datetime) -> str:
    """« en retard de 2 jours », « aujourd’hui avant 11 h 20 », « demain », « avant mardi 24 nov. », « avant le 15 déc. »."""
    day, today = _day(value), _day(now)
    local = _local(value)
    if is_late(value, now):
        late = now - local if isinstance(local, datetime) else timedelta(days=(today - day).days)
        return f"en retard {_late_by(late)}"
    at = spoken_time(value)
    if day == today:
        return f"aujourd’hui avant {at}" if at else "aujourd’hui"
    if (day - today).days == 1:
        return f"demain avant {at}" if at else "demain"
    named = f"{DAYS[day.weekday()]} " if 0 < (day - today).days < 7 else "le "
    return f"avant {named}{care_date(day, year=day.year != today.year)}"


def _late_by(late: timedelta) -> str:
    if late.days >= 1:
        return "d’un jour" if late.days == 1 else f"de {count(late.days, 'jour')}"
    hours = int(late.total_seconds() // 3600)
    return "de moins d’une heure" if hours < 1 else "d’une heure" if hours == 1 else f"de {count(hours, 'heure')}"


def is_late(value: When, now: datetime) -> bool:
    """Whether this deadline has passed; a bare date is late from the next day on."""
    local = _local(value)
    if isinstance(local, datetime):
        return local < now
    return local < _day(now)


def age(value: When, now: datetime) -> str:
    """47 ans; under two years in months, under two months in days; « vers 47 ans » when only the year is known."""
    today = _day(now)
    if partial := _partial(value):
        return f"vers {count(today.year - int(partial[0]), 'an')}"
    born = _day(value)
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if years >= 2:
        return count(years, "an")
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    return f"{months}{HARD}mois" if months >= 2 else count((today - born).days, "jour")


def number(value: int | float | Decimal | str) -> str:
    """3 412 and 4,1: thin spaces by thousands, decimal comma, digits kept as they were stored."""
    text = format(Decimal(str(value)), "f")
    whole, _, rest = text.partition(".")
    sign, digits = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    grouped = f"{int(digits):,}".replace(",", THIN) if len(digits) > 3 else digits
    return f"{sign}{grouped}{',' if rest else ''}{rest}"


def percent(part: int, whole: int) -> str:
    """81 %; a dash when there is nothing to divide."""
    return f"{round(100 * part / whole)}{THIN}%" if whole else "–"


def plural(how_many: int, one: str, several: str = "") -> str:
    """The word for this many, zero counting as one in French; `several` when adding s is wrong."""
    return one if abs(how_many) < 2 else several or f"{one}s"


def count(how_many: int, one: str, several: str = "") -> str:
    """« 3 éléments », « 1 élément », « 0 élément »."""
    return f"{number(how_many)}{HARD}{plural(how_many, one, several)}"


def ins(matricule: str) -> str:
    """The INS as it is read aloud: 2 79 03 51 215 189 89 (sex, year, month, département, commune, order, key)."""
    cuts = (0, 1, 3, 5, 7, 10, 13, 15)
    parts = [matricule[start:end] for start, end in pairwise(cuts)]
    return " ".join(part for part in [*parts, matricule[15:]] if part)


def phone(value: str) -> str:
    """06 00 00 00 03; anything else stays as it was written."""
    digits = re.sub(r"[\s.\-]", "", value)
    if digits.startswith("+33") and len(digits) == 12:
        digits = f"0{digits[3:]}"
    return " ".join(re.findall("..", digits)) if re.fullmatch(r"0\d{9}", digits) else value


def initials(name: str) -> str:
    """CE for « Dr Camille EXEMPLE »: first letters of the first and last words, titles apart."""
    words = [word for word in re.split(r"[\s']+", name) if word and word.rstrip(".").lower() not in ("dr", "pr", "m", "mme")]
    letters = [word[0].upper() for word in words]
    return "".join(letters[:1] + letters[1:][-1:])


def honorific(code: str) -> str:
    """« Dr » for DR, « Mme » for MME: the codes of TRE_R11 and TRE_R81 as they are said; anything else stays as it was written."""
    return {"DR": "Dr", "PR": "Pr", "MME": "Mme"}.get(code.rstrip("."), code)


def person_name(names: Sequence[Mapping[str, Any]], *, official_first: bool = True) -> str:
    """« PAT-TROIS Dominique » from a FHIR `HumanName[]`; the birth name first when there are several, « Nom inconnu » when none."""
    if not names:
        return "Nom inconnu"
    preferred = ("official", "usual") if official_first else ("usual", "official")
    by_use = {name.get("use", ""): name for name in reversed(names)}
    name = next((by_use[use] for use in preferred if use in by_use), names[0])
    family, given = str(name.get("family", "")).upper(), [part for part in name.get("given", []) if part]
    words = f"{family} {given_name(given[0]) if given else ''}".strip()
    return words or str(name.get("text", "Nom inconnu"))


def used_name(names: Sequence[Mapping[str, Any]]) -> str:
    """The family name that somebody uses besides the one they were born with (« nom utilisé » of an identity), "" where it is the same."""
    families = {str(name.get("use")): str(name.get("family", "")).upper() for name in names}
    used = families.get("usual", "")
    return used if used != families.get("official", used) else ""


_ELIDED = frozenset("AÀÂÄÆEÉÈÊËIÎÏOÔÖŒUÙÛÜH")


def given_name(given: str) -> str:
    """A given name as it is said: « Marie-Louise » for MARIE-LOUISE."""
    return re.sub(r"[^\W\d_]+", lambda part: part[0].capitalize(), given)


def of(name: str) -> str:
    """« de Claude », « d’André », « d’Hélène »."""
    return f"d’{name}" if name[:1].upper() in _ELIDED else f"de {name}"


def typography(text: str) -> str:
    """The spaces of French: thin and unbreakable before ; ? ! % », unbreakable before a colon, thin inside « guillemets »."""
    spaced = _BEFORE.sub(lambda match: HARD if text[match.end()] == ":" else THIN, text)
    return spaced.replace("« ", f"«{THIN}").replace("'", "’")
