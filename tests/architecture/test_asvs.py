"""OWASP ASVS 5.0, levels 1 and 2: each requirement has its row, and what a row names exists."""

import ast
import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

from tests.support.plugin import ROOT

REQUIREMENTS = {"1": 70, "2": 183}
"""How many the standard has of each level (5.0.0, May 2025)."""
CHAPTERS = 17
MOST_WORDS = 8  # of a topic: ours, not a copy of the standard's sentence

with (ROOT / "tools" / "asvs.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))


def having(state: str) -> list[dict[str, str]]:
    return [row for row in ROWS if row["state"] == state]


@cache
def named_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_requirement_of_levels_1_and_2_is_there_once() -> None:
    assert Counter(row["level"] for row in ROWS) == REQUIREMENTS
    ids = [row["id"] for row in ROWS]
    assert len(set(ids)) == len(ids) == 253
    parts = [tuple(map(int, re.fullmatch(r"V(\d+)\.(\d+)\.(\d+)", id).groups())) for id in ids]  # type: ignore[union-attr]
    assert parts == sorted(parts)
    assert {part[0] for part in parts} == set(range(1, CHAPTERS + 1))


def test_a_topic_is_a_few_words_of_ours() -> None:
    assert [row["id"] for row in ROWS if not 0 < len(row["topic"].split()) <= MOST_WORDS] == []
    assert {row["state"] for row in ROWS} <= {"tested", "documented", "reasoned", "open"}


def test_every_test_that_is_named_exists() -> None:
    for row in having("tested"):
        assert row["shown"].split(), row["id"]
        for node in row["shown"].split():
            path, _, name = node.partition("::")
            assert name.startswith("test_"), (row["id"], node)
            assert name in named_in(ROOT / path), (row["id"], node)


def test_every_document_that_is_named_has_its_part() -> None:
    for row in having("documented"):
        path, _, heading = row["shown"].partition("#")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not heading or f"\n## {heading}\n" in text, (row["id"], row["shown"])


def test_what_no_test_shows_says_why_or_what_is_missing() -> None:
    assert [row["id"] for row in (*having("reasoned"), *having("open")) if len(row["shown"]) < 7] == []
