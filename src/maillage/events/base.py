"""The form of an event: a frozen fact with identifiers only, and the registry that decodes it again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec

_KINDS: dict[str, type["Event"]] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every event: `class DocumentReceived(Event, frozen=True, kw_only=True)`.

    Fields are identifiers and codes, never names or clinical content. The kind is "<service>.<Class>", from the module
    that declares it; renaming a class is a migration, since stored events carry its kind.
    """

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.kind = f"{_service(cls.__module__)}.{cls.__name__}"
        known = _KINDS.get(cls.kind)
        if known is not None and known.__module__ != cls.__module__:
            raise TypeError(f"two events are called {cls.kind}: in {known.__module__} and in {cls.__module__}")
        _KINDS[cls.kind] = cls


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the feed gives it: where it stands and when it happened."""

    xid: int
    seq: int
    at: datetime
    event: Event


def kinds() -> dict[str, type[Event]]:
    """Every kind that an imported module declares."""
    return dict(_KINDS)


def decode(kind: str, payload: object) -> Event:
    """The event of a stored row. Raises LookupError for a kind nobody declares, msgspec.ValidationError for a misfit."""
    if kind not in _KINDS:
        raise LookupError(f"no imported module declares the event {kind}")
    return msgspec.convert(payload, _KINDS[kind])


def _service(module: str) -> str:
    parts = module.split(".")
    if "services" in parts[:-1]:
        return parts[parts.index("services") + 1]
    return parts[-2] if parts[-1] == "events" and len(parts) > 1 else parts[-1]
