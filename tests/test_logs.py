"""Log lines are JSON, from our code and others', and quote nobody."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from maillage.logs import configure


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure("INFO", process="web")
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_every_line_is_an_object_that_names_its_process(lines: io.StringIO) -> None:
    structlog.get_logger("ours").info("answered", route="/moi", status=200)
    logging.getLogger("theirs").warning("slow", extra={"lines": 3})
    logging.getLogger("theirs").debug("too fine")
    ours, theirs = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (ours["event"], ours["route"], ours["process"], ours["level"]) == ("answered", "/moi", "web", "info")
    assert (theirs["event"], theirs["lines"], theirs["level"]) == ("slow", 3, "warning")


def test_an_exception_leaves_its_class_and_place_but_not_its_message(lines: io.StringIO) -> None:
    try:
        int("Dominique PAT-TROIS 279035121518989")
    except ValueError:
        logging.getLogger("theirs").exception("failed")
        structlog.get_logger("ours").exception("failed")
    for line in lines.getvalue().splitlines():
        said = json.loads(line)
        assert said["error"] == "ValueError"
        assert said["frames"][0].startswith(__name__.rpartition(".")[2]) or "test_logs" in said["frames"][0]
        assert "PAT-TROIS" not in line
