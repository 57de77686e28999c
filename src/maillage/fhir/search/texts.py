"""Conditions on strings by their folded text, and on URLs by what they begin with (`res.str`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from maillage.fhir.rows import label, lexeme
from maillage.fhir.search.compose import Composer, Row
from maillage.fhir.search.criteria import either


@dataclass(frozen=True, slots=True)
class StringStarts:
    """A string value that begins with one of the folded texts."""

    parameter: str
    texts: tuple[str, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        return _lexemes(row, composer, " | ".join(lexeme(row.kind, self.parameter, text) + ":*" for text in self.texts))


@dataclass(frozen=True, slots=True)
class StringIs:
    """A value that is one of the folded texts, and (`:exact`) has one of the marks of exact values."""

    parameter: str
    texts: tuple[str, ...]
    marks: tuple[int, ...] = ()

    def sql(self, row: Row, composer: Composer) -> str:
        folded = _lexemes(row, composer, " | ".join(lexeme(row.kind, self.parameter, text) for text in self.texts))
        if not self.marks:
            return folded
        marked = either(f"{composer.bind(mark, 'int8')} = any({row}.has)" for mark in self.marks)
        return f"({folded} and {marked})"


Text = StringStarts | StringIs
"""What the index of texts answers and its statistics know."""


@dataclass(frozen=True, slots=True)
class StringContains:
    """`:contains`: one of the folded texts anywhere in a value, or at its end. No index answers this: every row in question is looked at."""

    parameter: str
    texts: tuple[str, ...]
    ending: bool = False

    def sql(self, row: Row, composer: Composer) -> str:
        begun, ended = _like(label(row.kind, self.parameter)), "" if self.ending else "%"
        patterns = composer.bind([f"{begun}%{_like(text)}{ended}" for text in self.texts], "text[]")
        values = f"unnest(tsvector_to_array({row}.str)) value where value like any({patterns})"
        return f"(select true from {values} limit 1) is true"


@dataclass(frozen=True, slots=True)
class UrlBelow:
    """`:below`: a URL that is one of `urls` or goes on from it behind a slash."""

    parameter: str
    urls: tuple[str, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        kind, name = row.kind, f"{self.parameter}:below"
        wanted = [
            form
            for url in self.urls
            for form in (lexeme(kind, name, url), lexeme(kind, name, f"{url.removesuffix('/')}/") + ":*")
        ]
        return _lexemes(row, composer, " | ".join(wanted))


def with_texts(texts: Sequence[Text], row: Row, composer: Composer) -> str:
    """The rows of all types that have the texts, as `row`."""
    held = " and ".join(text.sql(Row("res", row.kind), composer.indexed()) for text in texts)
    return f"(select * from res where {held} offset 0) {row}"


def _lexemes(row: Row, composer: Composer, wanted: str) -> str:
    query = composer.bind(wanted, "tsquery")
    return f"{row}.str @@ {query}" if composer.by_index else f"coalesce(ts_match_vq({row}.str, {query}), false)"


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
