"""Texts made to keep a regular expression reading: what is written in a record is read in a time that grows with its length."""

import time

import pytest

from maillage.errors import MaillageError
from maillage.fhir import validation
from maillage.fhir.words import found_by

SECONDS = 2.0


@pytest.mark.parametrize(
    "inside",
    ["<!--" + "<" * 200_000 + "-->", "<![CDATA[" + "<" * 200_000 + "]]>", "<!-- -->" * 20_000, "<b>" * 15 + "x" * 500_000 + "</b>" * 15,
     '<b title="' + "'&gt;" * 50_000 + '">a</b>', "&lt;!--" * 40_000, "&lt;" * 80_000, "<br/>" * 40_000, "a’" * 200_000, " \t" * 200_000],
    ids=["comment", "cdata", "comments", "text", "attribute", "quoted comments", "quoted signs", "tags", "apostrophes", "blanks"],
)  # fmt: skip
def test_no_narrative_keeps_us_reading(inside: str) -> None:
    written = {"resourceType": "Basic", "code": {"text": "x"},
               "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">a{inside}</div>'}}  # fmt: skip
    began = time.process_time()
    try:
        validation.validate(written)
    except MaillageError:
        assert time.process_time() - began < SECONDS
        return
    found_by(written)
    assert time.process_time() - began < SECONDS
