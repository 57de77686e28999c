"""FHIRPath expressions, compiled once by fhirpathpy and evaluated on one element of a resource."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from maillage.fhir.validation.faults import Run

_MODEL_PARTS = ("choiceTypePaths", "path2Type", "pathsDefinedElsewhere", "type2Parent")


def _has_value(found: list[Any]) -> list[bool]:
    """FHIR's own function on top of FHIRPath (R4 fhirpath.html#functions): one primitive value."""
    return [len(found) == 1 and not isinstance(found[0], dict | list | None)]


_OPTIONS = {"userInvocationTable": {"hasValue": {"fn": _has_value, "arity": {0: []}}}}


@cache
def compiled(expression: str, kind: str) -> Callable[[Any, Run], list[Any]]:
    """A function that evaluates the expression on an element of this type or path (`Period`, `Patient.contact`)."""
    from fhirpathpy import (
        apply_parsed_path as apply,  # here, because it and its grammar cost 0.4 s and 20 MB: most resources need none
    )
    from fhirpathpy.engine.nodes import ResourceNode
    from fhirpathpy.parser import parse

    tree: Any = parse(expression)  # type: ignore[no-untyped-call]

    def evaluate(value: Any, run: Run) -> list[Any]:
        variables = {"resource": run.resource, "rootResource": run.root, "ucum": "http://unitsofmeasure.org"}
        node = ResourceNode.create_node(value, kind)  # type: ignore[no-untyped-call]
        found: list[Any] = apply(node, tree, variables, _model(), _OPTIONS)  # type: ignore[no-untyped-call]
        return found

    return evaluate


@cache
def _model() -> dict[str, Any]:
    """The R4 type tables of fhirpathpy, without those of the other versions."""
    folder = files("fhirpathpy.models").joinpath("r4")
    return {name: json.loads(folder.joinpath(f"{name}.json").read_text("utf-8")) for name in _MODEL_PARTS}
