"""Logs: one JSON object a line on standard error, for every process. They say what happened where, never to whom.

An exception is reduced to its class and frames: its message may quote a patient's record.
"""

import logging
import sys
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import msgspec
import structlog

from maillage.clock import SystemClock

FRAMES = 12
# They name addresses, statements or parameters at these levels.
QUIET = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "psycopg.pool": logging.ERROR,
    "procrastinate": logging.ERROR,
    "mail.log": logging.ERROR,
}


def configure(level: str, *, process: str) -> None:
    """Send everything that is logged in this process, ours and others', to standard error. `level` is a name of `logging`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _named(process),
        bare_exception,
    ]
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_json)],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(least),
        cache_logger_on_first_use=True,
    )
    _configure_others(least, shared)
    _often.configure(least, process, sys.stderr)


class _Often:
    """Writes lines of level info as structlog does, at a quarter of its cost."""

    def __init__(self) -> None:
        self._written: TextIO | None = None
        self._clock = SystemClock()

    def configure(self, least: int, process: str, to: TextIO) -> None:
        self._written = to if least <= logging.INFO else None
        self._process = process

    def __call__(self, event: str, **said: Any) -> None:
        if self._written is not None:
            line = {**said, "event": event, "level": "info", "at": self._clock.now(), "process": self._process}
            self._written.write(_json(line) + "\n")
            self._written.flush()


_often = _Often()


def often(event: str, **said: Any) -> None:
    """A line of level info about what happens at every request. What is bound to the context is not in it."""
    _often(event, **said)


def _configure_others(least: int, shared: list[Any]) -> None:
    """Lines that libraries write through `logging`, in the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(least)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, least))


def _json(line: Any, **options: Any) -> str:
    return msgspec.json.encode(line, enc_hook=str).decode()


def bare_exception(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the class and frames of `exc_info` instead of its message and values."""
    info = line.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        line["error"] = type(error).__name__
        line["frames"] = frames_of(error.__traceback__)
    return line


def frames_of(trace: TracebackType | None) -> list[str]:
    """The last FRAMES places of a traceback, as `module:line`."""
    frames = []
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return frames[-FRAMES:]


def _named(process: str) -> Any:
    def add(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["process"] = process
        return line

    return add
