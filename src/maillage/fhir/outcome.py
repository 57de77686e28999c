"""OperationOutcome: what went wrong, or is worth knowing, as FHIR says it (R4 operationoutcome.html)."""

from collections.abc import Iterable
from typing import Any

from maillage.errors import Issue


def outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The resource that states these issues."""
    told = [
        {"severity": i.severity, "code": i.code, "diagnostics": i.diagnostics}
        | ({"expression": [i.expression]} if i.expression else {})
        for i in issues
    ]
    return {"resourceType": "OperationOutcome", "issue": told}
