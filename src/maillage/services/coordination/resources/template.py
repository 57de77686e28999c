"""PlanDefinition (FHIR R4 §9.15) → the templates of the region that a plan may start from."""

import calendar
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "definitions"


@dataclass(frozen=True, slots=True)
class Aim:
    """A goal that a template proposes, with its indicator and in how many months it is looked at."""

    id: str
    words: str
    measure: str
    months: int


@dataclass(frozen=True, slots=True)
class Step:
    """An action that a template proposes for a goal, and within how many days (None: not said)."""

    words: str
    aim: str
    days: int | None


@dataclass(frozen=True, slots=True)
class Template:
    """What a region proposes for a situation."""

    id: str
    title: str
    words: str
    aims: Sequence[Aim]
    steps: Sequence[Step]


@cache
def templates() -> Mapping[str, Template]:
    """The active templates of `definitions/` by id, the blank one last."""
    found = [_template(json.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.json"))]
    return {one.id: one for one in sorted(found, key=lambda one: (not one.aims, one.title))}


def in_months(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month."""
    year, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + year, month + 1)[1]
    return date(day.year + year, month + 1, min(day.day, last))


def due_of(step: Step, day: date) -> str:
    """The ISO day by which a step is proposed, or nothing."""
    return (day + timedelta(days=step.days)).isoformat() if step.days is not None else ""


def _template(plan: Mapping[str, Any]) -> Template:
    return Template(
        id=plan["id"],
        title=plan["title"],
        words=plan["description"],
        aims=[_aim(goal) for goal in plan.get("goal", [])],
        steps=[_step(action) for action in plan.get("action", [])],
    )


def _aim(goal: Mapping[str, Any]) -> Aim:
    target: Mapping[str, Any] = next(iter(goal.get("target", [])), {})
    return Aim(
        goal["id"],
        goal["description"]["text"],
        target.get("measure", {}).get("text", ""),
        int(target.get("due", {}).get("value", 3)),
    )


def _step(action: Mapping[str, Any]) -> Step:
    within = action.get("timingDuration")
    return Step(action["title"], next(iter(action.get("goalId", [])), ""), int(within["value"]) if within else None)
