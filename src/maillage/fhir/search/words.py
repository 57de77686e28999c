"""Full text: the values of `_text` and `_content` as conditions on the words of a resource (`fhir/words.py`).

Words, all of which must be there; `"several words"` that follow each other; `OR` (or `OU`) between alternatives; `-` (or `NOT`) in front of what
must not be there; brackets. `OR` binds weaker than standing side by side, as in `websearch_to_tsquery` of PostgreSQL, which has no brackets.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.french import words
from maillage.fhir.search.compose import Composer, Row

PARAMETERS = ("_content", "_text")
NARRATIVE = "A"
"""The weight of the words of the narrative in `words.words`."""
MAX_LENGTH = 400
MOST = 200
"""Words of all values: thousands would be compared with each resource for minutes."""
_DEPTH = 20
_TOKEN = re.compile(
    r'\s*(?:(?P<not>-(?=[\w"(])|(?-i:NOT)\b)|(?P<or>(?:or|ou)\b(?!-))|(?P<bracket>[()])|"(?P<phrase>[^"]*)"|(?P<plain>[^\s()"]+))',
    re.IGNORECASE,
)
_JOINED = frozenset({"and", "et"})


@dataclass(frozen=True, slots=True)
class HasWords:
    """The words of the resource (`narrative`: of its narrative) pass a tsquery; one of the values where there are several."""

    query: str
    narrative: bool

    def sql(self, row: Row, composer: Composer) -> str:
        if composer.by_index:
            return f"{row}.id in ({self.ids(row, composer)})"
        query = f"(select {self._bound(composer)})"  # made once, not for each row
        return f"(select true from words w where w.id = {row}.id and w.rt = {row.rt} and ts_match_vq(w.words, {query}) limit 1) is true"

    @property
    def stable(self) -> bool:
        """How many rows a word stands in only statistics tell."""
        return False

    def ids(self, row: Row, composer: Composer) -> str:
        typed = f"rt = {row.rt} and words @@ {composer.bind(mark(row.kind), 'tsquery')}"
        return f"select w.id from (select id from words where {typed} and words @@ {self._bound(composer)} offset 0) w"

    def _bound(self, composer: Composer) -> str:
        return f"to_tsquery('french_words', {composer.bind(self.query, 'text')})"


def mark(kind: str) -> str:
    """The lexeme by which the index of words knows a type: no word has a sign in it."""
    return f"'={ids.number(kind)}'"


def has_words(code: str, values: Sequence[str]) -> HasWords:
    """The condition of `_text` or `_content`: one of the values. What asks for no word is Invalid."""
    weight = NARRATIVE if code == "_text" else ""
    readers = [_Reader(value, weight) for value in dict.fromkeys(values)]
    query = " | ".join(f"({reader.whole()})" for reader in readers)
    if (many := sum(reader.count for reader in readers)) > MOST:
        raise Invalid(f"{MOST} words at most are searched for at once, not {many}")
    return HasWords(query, bool(weight))


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a tsquery, empty where only stop words were asked for; `finds`: not only by what must not be there."""

    text: str
    finds: bool


class _Reader:
    """Reads one value into a tsquery."""

    def __init__(self, value: str, weight: str) -> None:
        if len(value) > MAX_LENGTH:
            raise Invalid(f"{MAX_LENGTH} characters at most are searched for, not {len(value)}")
        if value.count('"') % 2:
            raise Invalid(f'a text that begins with " does not end: {value!r}')
        if "*" in value:
            raise Invalid(f"whole words are searched, whatever their ending: {value!r} may have no *")
        self.value, self.weight = value, f":{weight}" if weight else ""
        self.tokens = list(_TOKEN.finditer(value.rstrip()))
        self.place = 0
        self.count = 0
        """Words that were read."""

    def whole(self) -> str:
        found = self._any(0)
        if self.place < len(self.tokens):
            raise Invalid(f"{self.value!r} closes a bracket that it does not open")
        if not found.text:
            raise Invalid(f"{self.value!r} has no word to search for: words as le, de, et, pour are not kept")
        if not found.finds:
            raise Invalid(f"{self.value!r} says only what is not to be found: a word that is, is needed in each alternative")
        return found.text

    def _any(self, depth: int) -> _Part:
        if depth > _DEPTH:
            raise Invalid(f"{_DEPTH} brackets within each other at most")
        parts = [self._all(depth)]
        while self._next("or"):
            self.place += 1
            parts.append(self._all(depth))
        parts = [part for part in parts if part.text]
        return _Part(_joined(parts, " | "), bool(parts) and all(part.finds for part in parts))

    def _all(self, depth: int) -> _Part:
        parts = []
        while self.place < len(self.tokens) and not self._next("or") and not self._next("bracket", ")"):
            parts.append(self._one(depth))
        parts = [part for part in parts if part.text]
        return _Part(_joined(parts, " & "), any(part.finds for part in parts))

    def _one(self, depth: int) -> _Part:
        if self._next("not"):
            self.place += 1
            if self.place == len(self.tokens) or self._next("or") or self._next("bracket", ")"):
                raise Invalid(f"{self.value!r} denies nothing")
            denied = self._one(depth)
            return _Part(f"!({denied.text})" if denied.text else "", finds=False)
        token = self.tokens[self.place]
        self.place += 1
        if token["bracket"]:
            found = self._any(depth + 1)
            if not self._next("bracket", ")"):
                raise Invalid(f"{self.value!r} opens a bracket that it does not close")
            self.place += 1
            return found
        if token["phrase"] is not None:
            return self._words(token["phrase"])
        return self._words("" if token["plain"].lower() in _JOINED else token["plain"])

    def _words(self, text: str) -> _Part:
        said = words(text)
        self.count += len(said)
        found = " <-> ".join(f"'{word}'{self.weight}" for word in said)
        return _Part(f"({found})" if found else "", bool(found))

    def _next(self, kind: str, text: str | None = None) -> bool:
        token = self.tokens[self.place] if self.place < len(self.tokens) else None
        return token is not None and token[kind] is not None and text in (None, token[kind])


def _joined(parts: Sequence[_Part], joint: str) -> str:
    found = joint.join(part.text for part in parts)
    return f"({found})" if len(parts) > 1 else found
