"""[type]/[id]/$meta, $meta-add and $meta-delete (R4 resource-operation-meta): profiles, security labels and tags of one resource."""

from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import PreconditionFailed, Unprocessable
from maillage.fhir import json
from maillage.fhir.change import Change, Verb
from maillage.http.fhir import answers, negotiation, operation
from maillage.http.fhir.operation import Level, Operation, Parameter, refused
from maillage.http.request import Request

Meta = dict[str, Any]
_SETS = ("profile", "security", "tag")
META = (
    Parameter(
        "meta",
        "Meta",
        "Profiles, security labels and tags; a label is its system and code, a profile its address.",
        required=True,
    ),
)


async def shown(request: Request, ctx: Context) -> Response:
    """The meta of the current version."""
    await operation.sent(request, ())
    stored = await ctx.records.read_raw(negotiation.kind_of(request), request.path_params["id"])
    return _told(stored.resource.get("meta", {}))


async def added(request: Request, ctx: Context) -> Response:
    """The meta once these are in it. A new version, unless they all were."""
    return await _changed(request, ctx, add=True)


async def deleted(request: Request, ctx: Context) -> Response:
    """The meta once these are out of it. A new version, unless none was in."""
    return await _changed(request, ctx, add=False)


async def _changed(request: Request, ctx: Context, *, add: bool) -> Response:
    given = _given((await operation.sent(request, META)).whole)
    kind, id = negotiation.kind_of(request), request.path_params["id"]
    stored = await ctx.records.read_raw(kind, id)
    expected = negotiation.expected_version(request)
    if expected not in (None, stored.version):
        raise PreconditionFailed(f"{kind}/{id} is at version {stored.version}, not {expected}: read it again before writing")
    resource = stored.resource
    before = resource["meta"]
    after = {name: value for name, value in before.items() if name not in _SETS}
    after |= {name: found for name in _SETS if (found := _combined(before.get(name, []), given.get(name, []), add=add))}
    if after == before:
        return _told(before)
    if "_profile" in before and before.get("profile") != after.get("profile"):
        raise Unprocessable.at(
            f"{kind}.meta.profile", "the profiles carry extensions: write the resource itself, so that each keeps its own"
        )
    change = Change(Verb.UPDATE, resource | {"meta": after}, stored.version)
    written = (await ctx.records.write_changes([change]))[0]
    return _told(written.resource["meta"])


def _given(whole: dict[str, Any]) -> Meta:
    if "meta" not in whole:
        raise refused("meta", "is needed", code="required")
    meta: Meta = whole["meta"]
    if others := sorted(set(meta) - {*_SETS, "id"}):
        raise refused("meta", f"only {', '.join(_SETS)} are added and deleted, not {', '.join(others)}")
    return meta


def _combined(before: list[Any], given: list[Any], *, add: bool) -> list[Any]:
    """The set with, or without, what is given; version and display of labels do not count (R4)."""
    if add:
        known = {_identity(one) for one in before}
        return before + list({_identity(one): one for one in given if _identity(one) not in known}.values())
    gone = {_identity(one) for one in given}
    return [one for one in before if _identity(one) not in gone]


def _identity(one: Any) -> Any:
    return (one.get("system"), one.get("code")) if isinstance(one, dict) else one


def _told(meta: Meta) -> Response:
    return answers.fhir(json.dumps({"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": meta}]}))


def _operation(code: str, title: str, about: str, **more: Any) -> Operation:
    return Operation(code, title, about, None, (Level.INSTANCE,), answer="Meta", **more)


_WRITES: dict[str, Any] = {"parameters": META, "permission": Permission.FHIR_WRITE, "by_get": False, "by_post_writes": True}
SHOW = _operation(
    "meta", "Access a list of profiles, tags, and security labels", "The meta of one resource.", endpoint=shown, parameters=()
)
ADD = _operation(
    "meta-add", "Add profiles, tags, and security labels to a resource", "Makes a new version, unless all were there.",
    endpoint=added, **_WRITES,
)  # fmt: skip
DELETE = _operation(
    "meta-delete", "Delete profiles, tags, and security labels for a resource", "Makes a new version, unless none was there.",
    endpoint=deleted, **_WRITES,
)  # fmt: skip
