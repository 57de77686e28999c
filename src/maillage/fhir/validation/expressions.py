"""FHIRPath expressions, compiled once by fhirpathpy and evaluated on one element of a resource."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from maillage.errors import Invalid
from maillage.fhir.validation.faults import Run

_MODEL_PARTS = ("choiceTypePaths", "path2Type", "pathsDefinedElsewhere", "type2Parent")


def _has_value(found: list[Any]) -> list[bool]:
    """FHIR's own function on top of FHIRPath (R4 fhirpath.html#functions): one primitive value."""
    return [len(found) == 1 and not isinstance(found[0], dict | list | None)]


_OPTIONS = {"userInvocationTable": {"hasValue": {"fn": _has_value, "arity": {0: []}}}}


@cache
def compiled(expression: str, kind: str) -> Callable[[Any, Run], list[Any]]:
    """A function that evaluates the expression on an element of this type or path (`Period`, `Patient.contact`)."""
    from fhirpathpy.parser import parse  # here, because it and its grammar cost 0.4 s and 20 MB: most resources need none

    tree: Any = parse(expression)  # type: ignore[no-untyped-call]
    return lambda value, run: evaluated(tree, value, kind, run)


def evaluated(tree: Any, value: Any, kind: str, run: Run) -> list[Any]:
    """What a parsed expression finds on an element of this type or path. The engine raises plain Exception for what it cannot do."""
    from fhirpathpy import apply_parsed_path as apply
    from fhirpathpy.engine.nodes import ResourceNode, TypeInfo

    TypeInfo.model = _model()  # type: ignore[assignment]  # the engine sets it with the first `is` or `as` only, and `ofType` finds less until then
    variables = {"resource": run.resource, "rootResource": run.root, "ucum": "http://unitsofmeasure.org"}
    node = ResourceNode.create_node(value, kind)  # type: ignore[no-untyped-call]
    found: list[Any] = apply(node, tree, variables, _model(), _OPTIONS)  # type: ignore[no-untyped-call]
    return found


def strictly_parsed(text: str) -> dict[str, Any]:
    """The syntax tree of an expression that came from outside. Invalid at its first fault: the engine's own reading passes over them."""
    from antlr4 import CommonTokenStream, InputStream
    from antlr4.error.ErrorListener import ErrorListener
    from antlr4.tree.Tree import ParseTreeWalker
    from fhirpathpy.parser.ASTPathListener import ASTPathListener
    from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
    from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

    class Strict(ErrorListener):  # type: ignore[misc]
        def syntaxError(self, recognizer: Any, symbol: Any, line: int, column: int, message: str, fault: Any) -> None:
            raise Invalid(f"{text!r} is no FHIRPath: {message} at {column}")

    lexer = FHIRPathLexer(InputStream(text))
    parser = FHIRPathParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(Strict())
    listener = ASTPathListener()  # type: ignore[no-untyped-call]
    ParseTreeWalker().walk(listener, parser.entireExpression().expression())  # type: ignore[no-untyped-call]
    tree: dict[str, Any] = listener.parentStack[0]
    return tree


@cache
def _model() -> dict[str, Any]:
    """The R4 type tables of fhirpathpy, without those of the other versions."""
    folder = files("fhirpathpy.models").joinpath("r4")
    return {name: json.loads(folder.joinpath(f"{name}.json").read_text("utf-8")) for name in _MODEL_PARTS}
