"""The invariants of R4 of severity error: the frequent ones in Python (`native`), the rest by fhirpathpy, eight not at all."""

import logging
from dataclasses import dataclass
from typing import Any

from maillage.fhir.validation.expressions import compiled
from maillage.fhir.validation.faults import Fault, Run
from maillage.fhir.validation.native import NATIVE
from maillage.fhir.validation.native_definitions import Holds

_log = logging.getLogger(__name__)

SKIPPED: dict[str, str] = {
    "txt-1": "held by the check of xhtml itself (narrative.py)",
    "txt-2": "held by the check of xhtml itself (narrative.py)",
    "eld-11": "as R4 wrote it (`select(…).exists()`) it always holds",
    "ctm-1": "needs the referenced member, which R4 says to pass over when it cannot be resolved",
    "ppc-2": "R4 wrote it on a code system named 'something': it can refuse nothing",
    "ppc-3": "as ppc-2",
    "ppc-4": "as ppc-2",
    "ppc-5": "as ppc-2",
}
"""Invariants that are not evaluated here, and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One invariant on one element."""

    holds: Holds
    fault: Fault


def rule(kind: str, key: str, human: str, expression: str) -> Rule | None:
    """The rule `key` for elements of `kind` (a type or a backbone path); None when it is skipped."""
    if key in SKIPPED:
        return None
    holds = NATIVE.get(key) or NATIVE.get(f"{kind}:{key}") or _by_fhirpath(kind, expression)
    return Rule(holds, Fault("", "invariant", f"{human} ({key})", key))


def _by_fhirpath(kind: str, expression: str) -> Holds:
    """Holds when the answer is true, or when there is none (a comparison of unlike values)."""

    def holds(value: Any, run: Run) -> bool:
        try:
            return compiled(expression, kind)(value, run) in ([], [True])
        except Exception:  # noqa: BLE001  # the engine raises plain Exception for what it cannot evaluate; the rule then refuses
            _log.warning("the invariant %r of %s cannot be evaluated", expression, kind, exc_info=True)
            return False

    return holds
