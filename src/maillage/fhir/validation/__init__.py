"""Whether a resource is what FHIR R4 says: structure, types, bindings and invariants (docs/adr/0005-validation.md)."""

from maillage.errors import Invalid, Issue
from maillage.fhir.json import Resource
from maillage.fhir.validation.faults import Run
from maillage.fhir.validation.structure import any_resource

MAX_ISSUES = 50
"""Faults told at once; a hopeless resource has no use for more."""


def validate(resource: Resource, *, known: Resource | None = None) -> None:
    """Raise Invalid with one issue a fault, each with the FHIRPath of its place and the rule that it breaks.

    `known` is a valid resource of the same type and with the same contained resources: the elements (the very objects) that both have
    are not checked again.
    """
    if known is not None and known.get("contained") is not resource.get("contained"):
        known = None
    faults = any_resource(resource, None, Run(resource, resource, known))
    if not faults:
        return
    root = str(resource.get("resourceType", "Resource"))
    issues = [Issue(code, message, expression=f"{root}{path}") for path, code, message, _ in faults[:MAX_ISSUES]]
    first = issues[0]
    raise Invalid(f"{first.expression}: {first.diagnostics}", issues=issues)
