"""A tree → one closure, made once; what it is given and what it may take in `Run`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from maillage.errors import Unprocessable
from maillage.fhir.fhirpath import operators
from maillage.fhir.fhirpath.items import Item, Items, ancestors, children, items_of, plain
from maillage.fhir.fhirpath.parsing import Tree, parse

KEPT = 4_096
"""Expressions that a process keeps compiled."""
Resolve = Callable[[str], Mapping[str, Any] | None]
MemberOf = Callable[[Any, str], bool]


class Unevaluable(Unprocessable):
    """An expression cannot be evaluated on this value: one value was expected and there are more, a function or variable is not known, too many steps."""


@dataclass(slots=True)
class Budget:
    """The steps that several evaluations may take together."""

    left: int


@dataclass(frozen=True, slots=True)
class Environment:
    """What an expression is evaluated with. `kind` is the type or backbone path of the value; `variables` by name without %: values of JSON, lists of them, or what
    `Expression.find` found; `resource` and `root` are %resource and %rootResource; `now` is what `now()` and `today()` say; `steps` the most that one evaluation takes,
    `budget` what it takes from with others."""

    kind: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    resource: Any = None
    root: Any = None
    now: datetime | None = None
    resolve: Resolve | None = None
    member_of: MemberOf | None = None
    steps: int = 1_000_000
    budget: Budget | None = None


class Run:
    """One evaluation: its environment, what $this, $index and $total are now, and the steps that are left."""

    __slots__ = ("context", "environment", "index", "steps", "text", "this", "total", "weights")

    def __init__(self, text: str, environment: Environment, context: Items) -> None:
        self.text, self.environment, self.context = text, environment, context
        self.this: Items = context
        self.index: int | None = None
        self.total: Items = []
        self.steps = environment.steps if environment.budget is None else min(environment.steps, environment.budget.left)
        self.weights: tuple[dict[tuple[Any, ...], Any], dict[int, str]] | None = None
        """Of `ordinal()`: what options weigh, and which item each answer is of; made when first asked."""

    def step(self, count: int = 1) -> None:
        """Takes steps; Unevaluable where none is left."""
        self.steps -= count
        if self.steps < 0:
            self.refuse("it takes more steps than it may")

    def refuse(self, why: str) -> Any:
        """Unevaluable, with the expression."""
        short = self.text if len(self.text) <= 300 else f"{self.text[:300]}…"
        raise Unevaluable(f"{short!r} cannot be evaluated: {why}")

    def one(self, found: Items, what: str) -> Any:
        """The item of a collection of one, None of an empty one."""
        if len(found) > 1:
            self.refuse(f"{what} takes one value, not {len(found)}")
        return found[0] if found else None

    def truth(self, found: Items) -> bool | None:
        """A collection as a condition: none, the truth value, or whether something is there (§4.5)."""
        item = self.one(found, "a condition")
        if item is None:
            return None
        return item.value if isinstance(item.value, bool) else True


Step = Callable[[Items, Run], Items]


class Expression:
    """A compiled expression."""

    __slots__ = ("_step", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._step = compile_(parse(text))

    def __call__(self, value: Any, environment: Environment) -> list[Any]:
        """What it finds in a value, as JSON has it. Unevaluable."""
        return [found for item in self.find(value, environment) if (found := plain(item)) is not None]

    def find(self, value: Any, environment: Environment) -> Items:
        """What it finds, with types: for a variable of a further expression. Unevaluable."""
        context = items_of(value, environment.kind)
        run = Run(self.text, environment, context)
        given = run.steps
        try:
            run.step()
            return self._step(context, run)
        except RecursionError:
            return list(run.refuse("it goes too deep"))
        except (ArithmeticError, OverflowError) as fault:
            return list(run.refuse(f"a number is beyond what can be reckoned with ({type(fault).__name__})"))
        finally:
            if environment.budget is not None:
                environment.budget.left -= given - max(0, run.steps)


@lru_cache(maxsize=KEPT)
def compiled(text: str) -> Expression:
    """The expression of a text, made once. Invalid where it is no FHIRPath."""
    return Expression(text)


def compile_(tree: Tree) -> Step:
    """The closure of a tree."""
    return _MADE_OF.get(tree[0], _operation)(*tree)


def _literal(_: str, value: Any) -> Step:
    found = [Item(value)]
    return lambda focus, run: found


def _nothing(_: str) -> Step:
    return lambda focus, run: []


def _this(_: str) -> Step:
    return lambda focus, run: run.this


def _index(_: str) -> Step:
    return lambda focus, run: [] if run.index is None else [Item(run.index)]


def _total(_: str) -> Step:
    return lambda focus, run: run.total


def _path(_: str, left: Tree, right: Tree) -> Step:
    before = compile_(left)
    if right[0] == "name":
        return _name_of(before, right[1])
    after = compile_(right)
    return lambda focus, run: after(before(focus, run), run)


def _call(_: str, name: str, arguments: tuple[Tree, ...]) -> Step:
    from maillage.fhir.fhirpath.functions import called  # the functions compile their arguments

    return called(name, arguments)


def _operation(operator: str, left: Tree, right: Tree) -> Step:
    if operator in ("is", "as"):
        from maillage.fhir.fhirpath.functions import of_type

        return of_type(operator, compile_(left), right[1])
    made = _logical if operator in operators.LOGIC else _binary
    return made(operator, compile_(left), compile_(right))


def _name_of(before: Step, name: str) -> Step:
    def step(focus: Items, run: Run) -> Items:
        found = before(focus, run)
        run.step(len(found))
        if len(found) == 1:
            return children(found[0], name)
        return [child for item in found for child in children(item, name)]

    return step


def _first_name(name: str) -> Step:
    """A name at the beginning: an element, or the type of what one stands on (`Patient.name`)."""

    def step(focus: Items, run: Run) -> Items:
        run.step(len(focus))
        found = []
        for item in focus:
            own = children(item, name)
            if not own and name[:1].isupper() and name in ancestors(item.kind) and item.kind:
                own = [item]
            found += own
        return found

    return step


def _variable(name: str) -> Step:
    fixed = {
        "ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org",
    }.get(name) or (f"http://hl7.org/fhir/ValueSet/{name[3:]}" if name.startswith("vs-") else f"http://hl7.org/fhir/StructureDefinition/{name[4:]}" if name.startswith("ext-") else None)  # fmt: skip

    def step(focus: Items, run: Run) -> Items:
        given = run.environment
        if name in given.variables:
            return items_of(given.variables[name])
        if name == "context":
            return run.context
        if name == "resource" and given.resource is not None:
            return items_of(given.resource)
        if name in ("rootResource", "resource") and (given.root is not None or given.resource is not None):
            return items_of(given.root if given.root is not None else given.resource)
        if fixed:
            return [Item(fixed)]
        return list(run.refuse(f"no variable %{name} is known"))

    return step


def _at(before: Step, index: Step) -> Step:
    def step(focus: Items, run: Run) -> Items:
        found, at = before(focus, run), run.one(index(run.this, run), "[]")
        if at is None:
            return []
        if type(at.value) is not int:
            return list(run.refuse("an index is a whole number"))
        return found[at.value : at.value + 1] if at.value >= 0 else []

    return step


def _signed(sign: str, operand: Step) -> Step:
    def step(focus: Items, run: Run) -> Items:
        item = run.one(operand(focus, run), sign)
        if item is None:
            return []
        value = operators.negative(item) if sign == "-" else operators.reckoned(item)
        return [Item(value)] if value is not None else list(run.refuse(f"{sign} takes a number or a quantity"))

    return step


def _logical(operator: str, left: Step, right: Step) -> Step:
    def step(focus: Items, run: Run) -> Items:
        one = run.truth(left(focus, run))
        if (operator, one) in (("and", False), ("or", True), ("implies", False)):
            return [Item(one is not False or operator == "implies")]
        answer = operators.LOGIC[operator](one, run.truth(right(focus, run)))
        return [] if answer is None else [Item(answer)]

    return step


def _binary(operator: str, left: Step, right: Step) -> Step:
    of_lists = operators.OF_LISTS.get(operator)
    of_two = operators.OF_TWO.get(operator)

    def step(focus: Items, run: Run) -> Items:
        this = run.this
        one = left(focus, run)
        run.this = this
        two = right(focus, run)
        run.step(len(one) + len(two))
        if of_lists:
            return of_lists(one, two, run)
        a, b = run.one(one, operator), run.one(two, operator)
        if operator == "&":
            return [Item(operators.joined(operators.text_of(a), operators.text_of(b), run))]
        if a is None or b is None:
            return []
        assert of_two is not None
        answer = of_two(a, b, run)
        return [] if answer is None else [Item(answer)]

    return step


_MADE_OF: dict[str, Callable[..., Step]] = {
    "literal": _literal, "empty": _nothing, "this": _this, "index": _index, "total": _total, "of": _path, "call": _call,
    "variable": lambda _, name: _variable(name), "name": lambda _, name: _first_name(name),
    "at": lambda _, left, index: _at(compile_(left), compile_(index)), "sign": lambda _, sign, operand: _signed(sign, compile_(operand)),
}  # fmt: skip
"""What makes the closure of a node, by its name; any other is an operator."""
