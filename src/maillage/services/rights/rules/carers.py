"""Who may be named to see a record, for how long, and until when a parent represents their child."""

from dataclasses import dataclass
from datetime import date, timedelta

MAJORITY = 18
"""Years at which parental authority ends (Code civil, art. 371-1 and 414)."""
PARENTAL, JUDGMENT = "parental", "judgment"
AUTHORITIES = {
    PARENTAL: "Autorité parentale",
    JUDGMENT: "Décision de justice (tutelle, curatelle, habilitation familiale)",
}
"""What makes somebody a legal representative, as the officer has seen it proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Somebody named to see a record: their traits as FranceConnect proves them, the code of the scope, the last day (None: until it is taken back)."""

    family: str
    given: str
    birth_date: date
    link: str
    scope: str
    last_day: date | None


def came_of_age(birth_date: date) -> date:
    """The day on which a person is of age; of the 29th of February, the 1st of March."""
    try:
        return birth_date.replace(year=birth_date.year + MAJORITY)
    except ValueError:
        return date(birth_date.year + MAJORITY, 3, 1)


def is_minor(birth_date: date | None, today: date) -> bool:
    """Whether a person is under eighteen; one whose birth date is unknown is taken to be of age."""
    return birth_date is not None and today < came_of_age(birth_date)


def last_day_of_guardian(authority: str, birth_date: date | None, last_day: date | None) -> date | None:
    """Until when a legal representative acts: a parent until the eve of the eighteenth birthday, whatever was said."""
    if authority != PARENTAL or birth_date is None:
        return last_day
    eve = came_of_age(birth_date) - timedelta(days=1)
    return min(last_day, eve) if last_day else eve
