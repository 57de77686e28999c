"""The text of `_filter` (R4 search_filter.html), read into values: comparisons of paths joined by `and`, `or`, `not` and brackets.

`and` binds closer than `or`. A path is `name`, or `reference.name`, or `reference[condition].name`: the condition holds of what is referred to.
"""

import re
from dataclasses import dataclass

from maillage.errors import Invalid

OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re")
MAX_LENGTH = 4_000
MAX_DEPTH = 20
_TOKEN = re.compile(r'\s*(?:(?P<bracket>[()\[\]])|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()\[\]"]+))')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path, with a type (`subject:Patient`) or not, and the condition in brackets behind it."""

    name: str
    kind: str | None = None
    condition: "Filter | None" = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator value`."""

    path: tuple[Step, ...]
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Joined:
    """All of the parts hold (`and`), or one of them (`or`)."""

    word: str
    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """The part does not hold."""

    part: "Filter"


Filter = Comparison | Joined | Negated


def read_filter(text: str) -> Filter:
    """The filter that the text says; what does not follow the grammar is Invalid, with the place."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"a filter has {MAX_LENGTH} characters at most")
    reader = _Reader(_tokens(text))
    found = reader.either(0)
    if reader.place < len(reader.tokens):
        raise Invalid(f"{reader.next!r} is not expected here")
    return found


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    form: str


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], 0
    stripped = text.rstrip()
    while place < len(stripped):
        found = _TOKEN.match(stripped, place)
        if found is None or found.lastgroup is None:
            raise Invalid(f'a text that begins with " does not end: {stripped[place:]!r}')
        tokens.append(_Token(found[found.lastgroup], found.lastgroup))
        place = found.end()
    return tokens


@dataclass(slots=True)
class _Reader:
    tokens: list[_Token]
    place: int = 0

    @property
    def next(self) -> str:
        """The token to come, as it stands; empty at the end and for a quoted text."""
        token = self.tokens[self.place] if self.place < len(self.tokens) else _Token("", "text")
        return "" if token.form == "text" else token.text

    def take(self, what: str) -> _Token:
        if self.place == len(self.tokens):
            raise Invalid(f"the filter ends where {what} is expected")
        self.place += 1
        return self.tokens[self.place - 1]

    def expect(self, text: str) -> None:
        if self.next != text:
            raise Invalid(f"{text!r} is expected, not {self.next!r}")
        self.place += 1

    def either(self, depth: int) -> Filter:
        return self._joined("or", depth)

    def _joined(self, word: str, depth: int) -> Filter:
        parts = [self._part(word, depth)]
        while self.next == word:
            self.place += 1
            parts.append(self._part(word, depth))
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _part(self, word: str, depth: int) -> Filter:
        return self._joined("and", depth) if word == "or" else self._one(depth)

    def _one(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise Invalid(f"a filter has {MAX_DEPTH} brackets within each other at most")
        if self.next == "not":
            self.place += 1
            return Negated(self._bracketed("(", ")", depth))
        if self.next == "(":
            return self._bracketed("(", ")", depth)
        return self._comparison(depth)

    def _bracketed(self, opens: str, closes: str, depth: int) -> Filter:
        self.expect(opens)
        found = self.either(depth + 1)
        self.expect(closes)
        return found

    def _comparison(self, depth: int) -> Comparison:
        path, operator = self._path(depth), self.take("an operator")
        if operator.form != "word" or operator.text not in OPERATORS:
            raise Invalid(f"{operator.text!r} is not one of {', '.join(OPERATORS)}")
        value = self.take("a value")
        if value.form == "bracket":
            raise Invalid(f"a value is expected, not {value.text!r}")
        return Comparison(path, operator.text, _ESCAPED.sub(r"\1", value.text) if value.form == "text" else value.text)

    def _path(self, depth: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        while True:
            word = self.take("the name of a search parameter")
            names = word.text.split(".") if word.form == "word" else []
            if steps and names[:1] == [""]:
                names = names[1:]
            if not names or "" in names:
                raise Invalid(f"{word.text!r} is not the name of a search parameter")
            steps += [Step(name, kind or None) for name, _, kind in (name.partition(":") for name in names)]
            if self.next != "[":
                return tuple(steps)
            steps[-1] = Step(steps[-1].name, steps[-1].kind, self._bracketed("[", "]", depth))
            if not self.next.startswith("."):
                return tuple(steps)
