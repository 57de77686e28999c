"""Decisions about a plan: what may be said of it, what has no sense, what waits. Pure; each refusal is in French, empty where there is none."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from maillage.errors import Issue
from maillage.services.coordination.resources.plan import OPEN, Plan
from maillage.services.coordination.resources.position import AGREED, ANSWERED, CONTESTED, REFUSED, SETTLED, Position

FURTHEST = timedelta(days=3 * 366)
REVIEW_AFTER = timedelta(days=7)
"""A plan is looked at again within a week of what moves it (a return home, a disagreement)."""
REMIND_BEFORE = timedelta(days=14)
USUAL_REVIEW = 3
"""Months until a plan is reviewed, where nobody says another day."""
_KEY = re.compile(r"[A-Za-z0-9-]{8,64}")


def is_key(text: str) -> bool:
    """Whether this can be the one-time key of a form."""
    return _KEY.fullmatch(text) is not None


def day_refused(text: str, today: date) -> str:
    """Why a day to come (ISO) has no sense."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return "Cette date n’existe pas : écrivez-la ainsi, 15/01/2027"
    if day < today:
        return "Cette date est passée"
    return "Cette date est à plus de trois ans" if day > today + FURTHEST else ""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Somebody disagrees: what they said, what was answered in order, and whether it is settled."""

    said: Position
    answers: Sequence[Position]

    @property
    def settled(self) -> bool:
        return any(one.kind == SETTLED for one in self.answers)


def disagreements(positions: Iterable[Position]) -> list[Disagreement]:
    """The disagreements about a plan, those that are open first, then the newest. Nothing that was said is left out."""
    ordered = sorted(positions, key=lambda one: one.at)
    found = [
        Disagreement(one, [other for other in ordered if other.answers == one.id and other.kind in (ANSWERED, SETTLED)])
        for one in reversed(ordered)
        if one.kind in (CONTESTED, REFUSED)
    ]
    return sorted(found, key=lambda one: one.settled)


def agreement(positions: Iterable[Position], number: int) -> Position | None:
    """The last time the person (or who acts for them) agreed to the plan or refused it; whether it is about this version is on it (`number`)."""
    said = [one for one in positions if one.kind in (AGREED, REFUSED) and not one.of.startswith(("Practitioner", "Organization"))]
    return max(said, key=lambda one: one.at, default=None)


def issues(resource: Mapping[str, Any]) -> list[Issue]:
    """What has no sense in a CarePlan of ours, with the place of each."""
    found = []
    period = resource.get("period", {})
    start, end = str(period.get("start", ""))[:10], str(period.get("end", ""))[:10]
    if start and end and end < start:
        found.append(_issue("CarePlan.period.end", "the plan would be reviewed before it starts"))
    for place, activity in enumerate(resource.get("activity", [])):
        path = f"CarePlan.activity[{place}]"
        if "reference" not in activity and "detail" not in activity:
            found.append(_issue(path, "an activity names what is to be done (detail) or where that is written (reference)"))
        until = str(activity.get("detail", {}).get("scheduledPeriod", {}).get("end", ""))[:10]
        if start and until and until < start[: len(until)]:
            found.append(_issue(f"{path}.detail.scheduledPeriod.end", "this action would end before the plan starts"))
    return found


def goal_issues(resource: Mapping[str, Any]) -> list[Issue]:
    """What has no sense in a Goal, with the place of each."""
    start = str(resource.get("startDate", ""))
    return [
        _issue(f"Goal.target[{place}].dueDate", "this goal would be due before it starts")
        for place, target in enumerate(resource.get("target", []))
        if start and (due := str(target.get("dueDate", ""))) and due < start[: len(due)]
    ]


def may_become(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a plan may be written so after what it was: an archived one stays as it is, but may turn out to be an error."""
    if before.get("status") in OPEN or before.get("status") == "unknown":
        return True
    return after.get("status") == "entered-in-error"


def to_remind(plan: Plan, today: date) -> bool:
    """Whether the day of review is near or past."""
    return plan.open and bool(plan.review) and plan.review <= (today + REMIND_BEFORE).isoformat()


def _issue(path: str, words: str) -> Issue:
    return Issue("business-rule", words, path)
