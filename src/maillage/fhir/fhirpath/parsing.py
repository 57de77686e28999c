"""The text of a FHIRPath expression → its tree (FHIRPath 2.0.0, http://hl7.org/fhirpath/N1/grammar.html).

A node is a tuple whose first part is its name: ("literal", value), ("variable", name), ("this",), ("index",), ("total",), ("name", name),
("call", name, arguments), ("of", left, right) for `left.right`, ("at", left, index), ("sign", "-", operand), (operator, left, right), ("type", name), ("empty",).
"""

import re
from decimal import Decimal
from typing import Any, NoReturn

from maillage.errors import Invalid
from maillage.fhir.fhirpath.values import CALENDAR, Measure, Temporal, read_time

Tree = tuple[Any, ...]
LONGEST = 20_000
"""Characters of an expression."""
DEEPEST = 100
_TOKEN = re.compile(
    r"(?P<space>(?:\s+|//[^\n]*|/\*.*?\*/)+)"
    r"|(?P<when>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?|\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?(?:Z|[+-]\d\d:\d\d)?)?))"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<quoted>`(?:[^`\\]|\\.)*`)"
    r"|(?P<special>\$(?:this|index|total))"
    r"|(?P<variable>%(?:[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign><=|>=|!=|!~|[-+*/|&=~<>.,()\[\]{}])",
    re.DOTALL,
)
_BINARY = {
    "implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4, "=": 5, "~": 5, "!=": 5, "!~": 5, "<": 6, ">": 6, "<=": 6, ">=": 6, "|": 7, "is": 8, "as": 8,
    "+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
"""How tightly an operator binds (N1 §6.8)."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_WORDS = frozenset({"and", "or", "xor", "implies", "div", "mod", "true", "false"})


def parse(text: str) -> Tree:
    """The tree of an expression. Invalid, with the place and what was expected, where it is none."""
    if len(text) > LONGEST:
        raise Invalid(f"an expression of FHIRPath has at most {LONGEST} characters")
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._read())
        self._at = 0
        self._depth = 0

    def _read(self) -> Any:
        at = 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                self._refuse("no such character is known", at)
            if found.lastgroup != "space":
                yield found.lastgroup, found[0], at
            at = found.end()
        yield "end", "", len(self._text)

    def _refuse(self, why: str, at: int | None = None) -> NoReturn:
        place = self._tokens[self._at][2] if at is None else at
        raise Invalid(f"{self._text!r} is no FHIRPath: {why}, at {place}")

    def whole(self) -> Tree:
        tree = self._expression(0)
        if self._tokens[self._at][0] != "end":
            self._refuse(f"{self._tokens[self._at][1]!r} does not follow")
        return tree

    def _take(self, sign: str) -> bool:
        kind, text, _ = self._tokens[self._at]
        if kind in ("sign", "name") and text == sign:
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            self._refuse(f"{sign!r} is expected")

    def _expression(self, least: int) -> Tree:
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"expressions stand in each other at most {DEEPEST} deep")
        left = self._unary()
        while True:
            kind, operator, _ = self._tokens[self._at]
            power = _BINARY.get(operator) if kind in ("sign", "name") else None
            if power is None or power <= least:
                self._depth -= 1
                return left
            self._at += 1
            right = ("type", self._type_name()) if operator in ("is", "as") else self._expression(power)
            left = (operator, left, right)

    def _unary(self) -> Tree:
        kind, text, _ = self._tokens[self._at]
        if kind == "sign" and text in "+-":
            self._at += 1
            return ("sign", text, self._unary())
        return self._path()

    def _path(self) -> Tree:
        left = self._term()
        while True:
            if self._take("."):
                left = ("of", left, self._invocation())
            elif self._take("["):
                left = ("at", left, self._expression(0))
                self._expect("]")
            else:
                return left

    def _term(self) -> Tree:
        kind, text, _ = self._tokens[self._at]
        if kind == "sign" and text == "(":
            self._at += 1
            inner = self._expression(0)
            self._expect(")")
            return inner
        if kind == "sign" and text == "{":
            self._at += 1
            self._expect("}")
            return ("empty",)
        if kind == "variable":
            self._at += 1
            return ("variable", _unescaped(text[2:-1]) if text[1] in "`'" else text[1:])
        if kind in ("number", "text", "when") or (kind == "name" and text in ("true", "false")):
            return self._literal(kind, text)
        return self._invocation()

    def _literal(self, kind: str, text: str) -> Tree:
        self._at += 1
        if kind == "number":
            number = Decimal(text) if "." in text else int(text)
            return self._measure(number) or ("literal", number)
        if kind == "text":
            return ("literal", _unescaped(text[1:-1]))
        if kind == "name":
            return ("literal", text == "true")
        found = read_time(text[2:]) if text.startswith("@T") else Temporal.read(text[1:])
        if found is None:
            self._refuse(f"{text} is no date or time that exists", self._tokens[self._at - 1][2])
        return ("literal", found)

    def _measure(self, number: Decimal | int) -> Tree | None:
        kind, text, _ = self._tokens[self._at]
        if kind == "text":
            self._at += 1
            return ("literal", Measure(Decimal(number), _unescaped(text[1:-1])))
        if kind == "name" and text in CALENDAR:
            self._at += 1
            return ("literal", Measure(Decimal(number), CALENDAR[text], calendar=True))
        return None

    def _invocation(self) -> Tree:
        kind, text, _ = self._tokens[self._at]
        if kind == "special":
            self._at += 1
            return ("this",) if text == "$this" else ("index",) if text == "$index" else ("total",)
        if kind not in ("name", "quoted") or (kind == "name" and text in _WORDS):
            self._refuse("a name, a value or a bracket is expected")
        self._at += 1
        name = _unescaped(text[1:-1]) if kind == "quoted" else text
        if not self._take("("):
            return ("name", name)
        arguments: list[Tree] = []
        if not self._take(")"):
            while True:
                arguments.append(self._expression(0))
                if self._take(")"):
                    break
                self._expect(",")
        return ("call", name, tuple(arguments))

    def _type_name(self) -> str:
        parts = []
        while True:
            kind, text, _ = self._tokens[self._at]
            if kind not in ("name", "quoted"):
                self._refuse("the name of a type is expected")
            self._at += 1
            parts.append(_unescaped(text[1:-1]) if kind == "quoted" else text)
            if len(parts) == 2 or not self._take("."):
                return ".".join(parts)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(
        r"\\(u[0-9a-fA-F]{4}|.)",
        lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 5 else _ESCAPES.get(found[1], found[1]),
        text,
        flags=re.DOTALL,
    )
