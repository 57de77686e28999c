"""OperationOutcome: what went wrong, or is worth knowing, as FHIR says it (R4 operationoutcome.html)."""

import re
from collections.abc import Iterable
from typing import Any

from maillage.errors import Issue

LONGEST = 2_000
"""Characters of a text: what was sent is quoted, and may be of any length."""

_UNTOLD = re.compile("[^\t\r\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What a FHIR string, or XML, cannot hold."""


def outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The resource that states these issues."""
    told = [
        {"severity": i.severity, "code": i.code, "diagnostics": _text(i.diagnostics)}
        | ({"expression": [_text(i.expression)]} if i.expression and not i.expression.isspace() else {})
        for i in issues
    ]
    return {"resourceType": "OperationOutcome", "issue": told}


def _text(said: str) -> str:
    """The text with what cannot be told replaced, and cut when it is long."""
    short = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
    return short if short.isascii() and short.isprintable() else _UNTOLD.sub("\N{REPLACEMENT CHARACTER}", short)
