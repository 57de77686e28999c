"""Log lines are JSON, from our code and others', and quote nobody."""

import io
import json
import logging
from datetime import datetime

import structlog

from maillage.logs import often


def test_every_line_is_an_object_that_names_its_process(log_lines: io.StringIO) -> None:
    structlog.get_logger("ours").info("answered", route="/moi", status=200)
    logging.getLogger("theirs").warning("slow", extra={"lines": 3})
    logging.getLogger("theirs").debug("too fine")
    ours, theirs = (json.loads(line) for line in log_lines.getvalue().splitlines())
    assert (ours["event"], ours["route"], ours["process"], ours["level"]) == ("answered", "/moi", "web", "info")
    assert (theirs["event"], theirs["lines"], theirs["level"]) == ("slow", 3, "warning")


def test_what_is_said_of_every_request_looks_like_the_other_lines(log_lines: io.StringIO) -> None:
    often("answered", route="/moi", status=200, request="r1")
    structlog.get_logger("ours").info("answered", route="/moi", status=200, request="r1")
    often_said, said = (json.loads(line) for line in log_lines.getvalue().splitlines())
    assert often_said.keys() == said.keys()
    assert {**often_said, "at": None} == {**said, "at": None}
    assert datetime.fromisoformat(often_said["at"]).tzinfo == datetime.fromisoformat(said["at"]).tzinfo


def test_an_exception_leaves_its_class_and_place_but_not_its_message(log_lines: io.StringIO) -> None:
    try:
        int("Dominique PAT-TROIS 279035121518989")
    except ValueError:
        logging.getLogger("theirs").exception("failed")
        structlog.get_logger("ours").exception("failed")
    for line in log_lines.getvalue().splitlines():
        said = json.loads(line)
        assert said["error"] == "ValueError"
        assert said["frames"][0].startswith(__name__.rpartition(".")[2]) or "test_logs" in said["frames"][0]
        assert "PAT-TROIS" not in line
