"""JSON Patch (RFC 6902) with JSON Pointers (RFC 6901), on JSON whose decimals are `Decimal`.

Written here because the known library takes `true` for `1`, raises TypeError for what is no patch, and does not say which operation failed
(docs/adr/0016-patch-and-conditions.md).
"""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from maillage.errors import Invalid, Issue, MaillageError, PreconditionFailed, Unprocessable
from maillage.fhir.json import MAX_DEPTH, Resource

MAX_OPERATIONS = 1_000
MAX_COPIED = 100_000
"""Values that the `copy` operations of one patch may make: each may double what is there."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_ESCAPED = re.compile(r"~[01]")
_STRAY = re.compile(r"~(?![01])")
_ABSENT = object()


def applied(resource: Resource, operations: list[Any]) -> Resource:
    """The resource after all operations; a fault names its operation as `patch[i]`."""
    if len(operations) > MAX_OPERATIONS:
        raise Invalid.at("patch", f"a patch has {MAX_OPERATIONS} operations at most, not {len(operations)}")
    document = _Document(deepcopy(resource))
    for place, operation in enumerate(operations):
        try:
            document.take(operation)
        except MaillageError as fault:
            message = f"patch[{place}]: {fault.message}"
            raise type(fault)(message, issues=[Issue(fault.issues[0].code, message, f"patch[{place}]")]) from None
    if type(document.whole) is not dict:
        raise Unprocessable.at("patch", "the patch leaves no resource")
    return document.whole


class _Document:
    """The JSON that is being patched."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self._copied = 0

    def take(self, operation: Any) -> None:
        if type(operation) is not dict:
            raise Invalid("an operation is a JSON object")
        name, path = operation.get("op"), _pointer(operation, "path")
        act: Callable[[dict[str, Any], list[str]], None] | None = {
            "add": self._take_add, "remove": self._take_remove, "replace": self._take_replace,
            "move": self._take_move, "copy": self._take_copy, "test": self._take_test,
        }.get(name if type(name) is str else "")  # fmt: skip
        if act is None:
            raise Invalid(f"{name!r} is not one of add, remove, replace, move, copy, test")
        act(operation, path)

    def _take_add(self, operation: dict[str, Any], path: list[str]) -> None:
        self._add(path, _value(operation))

    def _take_remove(self, operation: dict[str, Any], path: list[str]) -> None:
        self._remove(path)

    def _take_replace(self, operation: dict[str, Any], path: list[str]) -> None:
        self._found(path)
        self._put(path, _value(operation))

    def _take_move(self, operation: dict[str, Any], path: list[str]) -> None:
        source = _pointer(operation, "from")
        if len(source) < len(path) and path[: len(source)] == source:
            raise Unprocessable(f"{_text(source)} cannot be moved into itself")
        value = self._found(source)
        if source != path:
            self._remove(source)
            self._add(path, value)

    def _take_copy(self, operation: dict[str, Any], path: list[str]) -> None:
        value = self._found(_pointer(operation, "from"))
        self._copied += _weight(value)
        if self._copied > MAX_COPIED:
            raise Invalid(f"a patch copies {MAX_COPIED} values at most")
        self._add(path, deepcopy(value))

    def _take_test(self, operation: dict[str, Any], path: list[str]) -> None:
        wanted, found = _value(operation), self._at(path)
        if found is _ABSENT or not _equal(found, wanted):
            raise PreconditionFailed(f"{_text(path)} is not what the test says")

    def _at(self, path: list[str]) -> Any:
        value = self.whole
        for step in path:
            if type(value) is dict:
                value = value.get(step, _ABSENT)
            elif type(value) is list and _INDEX.fullmatch(step) and int(step) < len(value):
                value = value[int(step)]
            else:
                return _ABSENT
            if value is _ABSENT:
                break
        return value

    def _found(self, path: list[str]) -> Any:
        value = self._at(path)
        if value is _ABSENT:
            raise Unprocessable(f"nothing is at {_text(path)}")
        return value

    def _add(self, path: list[str], value: Any) -> None:
        holder = self._found(path[:-1]) if path else None
        if type(holder) is list:
            holder.insert(_place_in(holder, path), None)
            path = [*path[:-1], str(len(holder) - 1)] if path[-1] == "-" else path
        self._put(path, value)

    def _put(self, path: list[str], value: Any) -> None:
        """Sets what is, or an object's member that is not yet."""
        if len(path) + _depth(value) > MAX_DEPTH:
            raise Unprocessable(f"{_text(path)} would be nested deeper than {MAX_DEPTH} levels")
        if not path:
            self.whole = value
            return
        holder = self._found(path[:-1])
        if type(holder) is dict:
            holder[path[-1]] = value
        elif type(holder) is list:
            holder[int(path[-1])] = value
        else:
            raise Unprocessable(f"{_text(path[:-1])} holds no members")

    def _remove(self, path: list[str]) -> None:
        self._found(path)
        if not path:
            self.whole = None
            return
        holder = self._found(path[:-1])
        del holder[path[-1] if type(holder) is dict else int(path[-1])]


def _place_in(holder: list[Any], path: list[str]) -> int:
    if path[-1] == "-":
        return len(holder)
    if not _INDEX.fullmatch(path[-1]) or int(path[-1]) > len(holder):
        raise Unprocessable(f"{_text(path)} is no place in an array of {len(holder)}")
    return int(path[-1])


def _pointer(operation: dict[str, Any], name: str) -> list[str]:
    text = operation.get(name)
    if type(text) is not str or (text and text[0] != "/") or _STRAY.search(text):
        raise Invalid(f"{name!r} must be a JSON Pointer (as /name/0/family), not {text!r}")
    return [_ESCAPED.sub(lambda found: "~" if found[0] == "~0" else "/", step) for step in text.split("/")[1:]]


def _text(path: list[str]) -> str:
    return "/" + "/".join(path) if path else "the whole resource"


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise Invalid(f"{operation['op']} needs a value")
    return deepcopy(operation["value"])


def _equal(one: Any, other: Any) -> bool:
    """RFC 6902 §4.6: numbers by their value, and a boolean is no number."""
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(_equal, one, other))
    return (type(one) is bool) == (type(other) is bool) and bool(one == other)


def _inside(value: Any) -> list[Any]:
    if type(value) is dict:
        return list(value.values())
    return value if type(value) is list else []


def _weight(value: Any) -> int:
    return 1 + sum(map(_weight, _inside(value)))


def _depth(value: Any) -> int:
    return 1 + max(map(_depth, _inside(value)), default=0) if type(value) in (dict, list) else 0
