"""What a declared job is called: "<service>.<function>". The name is stored, so renaming a function is a migration."""

from collections.abc import Callable
from typing import Any


def name_of(handler: Callable[..., Any]) -> str:
    """`messaging.tell_the_circle` for that function of `maillage.services.messaging.jobs`."""
    parts = handler.__module__.split(".")
    service = parts[parts.index("services") + 1] if "services" in parts[:-1] else parts[-1]
    return f"{service}.{handler.__name__}"
