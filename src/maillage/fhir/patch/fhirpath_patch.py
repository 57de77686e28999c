"""FHIRPath Patch (R4 fhirpatch.html): operations as a Parameters resource."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from maillage.errors import Invalid, Issue, MaillageError, Unprocessable
from maillage.fhir.json import Resource
from maillage.fhir.patch import paths
from maillage.fhir.patch.places import Given, Place, without_empty

MAX_OPERATIONS = 100
_VALUE = "value"
_TAKES = {
    "add": {"path", "name", _VALUE},
    "insert": {"path", _VALUE, "index"},
    "delete": {"path"},
    "replace": {"path", _VALUE},
    "move": {"path", "source", "destination"},
}


def applied(resource: Resource, parameters: Resource) -> Resource:
    """The resource after all operations, in their order; a fault names its operation as `Parameters.parameter[i]`."""
    operations = parameters.get("parameter", [])
    if len(operations) > MAX_OPERATIONS:
        raise Invalid.at(
            "Parameters.parameter", f"a FHIRPath Patch has {MAX_OPERATIONS} operations at most, not {len(operations)}"
        )
    holder = {"resource": deepcopy(resource)}
    root = Place(holder, "resource", None, resource["resourceType"])
    for place, operation in enumerate(operations):
        try:
            _apply(root, _parts(operation))
        except MaillageError as fault:
            where = f"Parameters.parameter[{place}]"
            message = f"{where}: {fault.message}"
            raise type(fault)(message, issues=[Issue(fault.issues[0].code, message, where)]) from None
    if "resource" not in holder:
        raise Unprocessable.at("Parameters.parameter", "the patch leaves no resource")
    left: Resource = without_empty(holder["resource"])
    return left


def _parts(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parts of an operation by name, none twice, each that its type takes and no other."""
    if operation["name"] != "operation":
        raise Invalid(f"a parameter of a FHIRPath Patch is named operation, not {operation['name']!r}")
    parts = {part["name"]: part for part in operation.get("part", [])}
    if len(parts) != len(operation.get("part", [])):
        raise Invalid("a part is given twice")
    kind = _only(parts.get("type"), "type")
    takes = _TAKES.get(kind)
    if takes is None:
        raise Invalid(f"the type {kind!r} is not one of {', '.join(_TAKES)}")
    if parts.keys() != takes | {"type"}:
        raise Invalid(f"{kind} takes the parts {', '.join(sorted(takes))}, not {', '.join(sorted(parts.keys() - {'type'}))}")
    return parts


def _apply(root: Place, parts: dict[str, dict[str, Any]]) -> None:
    path = paths.steps(str(_only(parts["path"], "path")))
    match _only(parts["type"], "type"):
        case "add":
            into, name = _single(root, path), str(_only(parts["name"], "name"))
            into.put(name, _given(parts[_VALUE], into, name))
        case "insert":
            into, name = _list_of(root, path)
            into.insert(name, _whole(parts, "index"), _given(parts[_VALUE], into, name))
        case "delete":
            if found := _at_most_one(root, path):
                found.remove()
        case "replace":
            found = _single(root, path)
            found.replace(_value(parts[_VALUE], found.type))
        case _:
            into, name = _list_of(root, path)
            into.move(name, _whole(parts, "source"), _whole(parts, "destination"))


def _single(root: Place, path: tuple[paths.Step, ...]) -> Place:
    found = _at_most_one(root, path)
    if found is None:
        raise Unprocessable("the path finds nothing")
    return found


def _at_most_one(root: Place, path: tuple[paths.Step, ...]) -> Place | None:
    found = paths.places(path, root)
    if len(found) > 1:
        raise Unprocessable(f"the path finds {len(found)} elements, one is expected")
    return found[0] if found else None


def _list_of(root: Place, path: tuple[paths.Step, ...]) -> tuple[Place, str]:
    """The element that holds the list which the path names, and the list's name."""
    if path[-1].name != "member" or len(path) == 1:
        raise Invalid("the path of a list ends with the list's name")
    return _single(root, path[:-1]), path[-1].value


def _given(part: dict[str, Any], into: Place, name: str) -> Given:
    return _value(part, into.member_type(name))


def _value(part: dict[str, Any], kind: str) -> Given:
    """The value of a part: value[x] with its extensions, a resource, or an object of this type made of parts."""
    if "part" in part:
        holder: dict[str, Any] = {"made": {}}
        made = Place(holder, "made", None, kind)
        for inner in part["part"]:
            made.put(inner["name"], _given(inner, made, inner["name"]))
        return Given(holder["made"])
    if "resource" in part:
        return Given(deepcopy(part["resource"]))
    found = dict(_values(part))
    if not found:
        raise Invalid(f"the part {part['name']!r} has no value")
    suffix = next(iter(found)).lstrip("_").removeprefix("value")
    return Given(deepcopy(found.get(f"value{suffix}")), deepcopy(found.get(f"_value{suffix}")), suffix)


def _values(part: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in part.items() if name.lstrip("_").startswith("value"))


def _only(part: dict[str, Any] | None, name: str) -> Any:
    found = [value for key, value in _values(part or {}) if key.startswith("value")]
    if not found:
        raise Invalid(f"the part {name!r} is missing or has no value")
    return found[0]


def _whole(parts: dict[str, dict[str, Any]], name: str) -> int:
    value = _only(parts[name], name)
    if type(value) is not int:
        raise Invalid(f"{name} is a whole number, not {value!r}")
    return value
