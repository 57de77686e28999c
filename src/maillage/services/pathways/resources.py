"""PlanDefinition (FHIR R4 §9.15) → the small values that rules need."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

HOURS = {"h": 1, "d": 24, "wk": 168}  # UCUM time units a protocol may use


@dataclass(frozen=True, slots=True)
class Trigger:
    """A named event; `types` are the document type codes it is limited to (none: any)."""

    name: str
    types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do, in words, with the time it may take."""

    protocol: str
    id: str
    title: str
    description: str
    label: str
    within: timedelta
    triggers: tuple[Trigger, ...]


def actions_of(plan: dict[str, Any]) -> list[Action]:
    """The actions of an active PlanDefinition; none of a draft or retired one."""
    if plan["status"] != "active":
        return []
    return [_action(plan["id"], action) for action in plan.get("action", [])]


def _action(protocol: str, action: dict[str, Any]) -> Action:
    duration = action["timingDuration"]
    return Action(
        protocol=protocol,
        id=action["id"],
        title=action["title"],
        description=action["description"],
        label=action["code"][0]["text"],
        within=timedelta(hours=int(duration["value"]) * HOURS[duration["code"]]),
        triggers=tuple(_trigger(trigger) for trigger in action["trigger"]),
    )


def _trigger(trigger: dict[str, Any]) -> Trigger:
    filters = [f for data in trigger.get("data", []) for f in data.get("codeFilter", [])]
    return Trigger(trigger["name"], frozenset(coding["code"] for f in filters for coding in f.get("code", [])))
