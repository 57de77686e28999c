"""What a check finds, and what it may look at."""

from collections.abc import Callable
from typing import Any, NamedTuple

from maillage.fhir.json import Resource


class Fault(NamedTuple):
    """One broken rule. `path` is relative to the value that was checked, as in `.name[0].family`."""

    path: str
    code: str
    """From the issue-type value set."""
    message: str
    rule: str | None = None
    """The key of the invariant (`per-1`), when it is one."""


class Run:
    """The resource being checked, the one that contains it (itself when it stands alone), and one whose elements are known to be right."""

    __slots__ = ("known", "resource", "root")

    def __init__(self, resource: Resource, root: Resource, known: Resource | None = None) -> None:
        self.resource = resource
        self.root = root
        self.known = known


Check = Callable[[Any, Any, Run], "list[Fault] | None"]
"""(value, the object that holds it, the run) -> faults."""
