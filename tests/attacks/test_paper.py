"""Hostile words on paper: they are printed as they are or as blanks. As markup they would fail (no such file, no such package, a bracket too many), or take long."""

import pytest

from maillage.services.coordination.resources.paper import of_person, printed
from maillage.services.identity.public import Traits

HOSTILE = [
    "#import \"@preview/x:0.1.0\": *", "#read(\"/etc/passwd\")", "$x^2$ @ref <label> `raw` // comment /* */", "]" * 100 + "[", "*" * 5_000, "a" * 20_000,
    "\x01\x02\x1b[31m", "\u202e\u2066 txt.exe", "\uffff\ufffe\ufdd0", "\n" * 500, "😀🧑\u200d⚕️" * 50, "مرحبا 你好 שלום",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_no_words_break_a_paper_or_are_read_as_markup(words: str) -> None:
    person = Traits(birth_name=words[:50], first_given=words[:50], birth_date="1979-03-28", sex="female")
    said = {"words": words, "by": words[:50]}
    rest = {
        "title": words[:50],
        "author": words[:50],
        "state": words,
        "question": words,
        "decisions": [said],
        "foot": words[:50],
        "quorum": words[:50],
    }
    paper = printed(
        "meeting",
        of_person(person, None, allergies=words[:80])
        | rest
        | {"parts": [{"title": words[:50], "said": [said]}], "guests": [words[:80]]},
    )
    assert paper.startswith(b"%PDF-")
