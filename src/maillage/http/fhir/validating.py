"""[type]/$validate and [type]/[id]/$validate (R4 resource-operation-validate): 200 and what is wrong, whether or not anything is."""

from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.errors import Issue, MaillageError, NotFound
from maillage.fhir import json
from maillage.fhir.change import Change, Verb
from maillage.fhir.outcome import outcome
from maillage.fhir.validation import validate
from maillage.http.fhir import answers, instances, negotiation, operation
from maillage.http.fhir.operation import Level, Operation, Parameter, Sent, refused
from maillage.http.request import Request

PARAMETERS = (
    Parameter("resource", "Resource", "What to validate; the body may be it, without Parameters. On [id], the stored one unless given."),
    Parameter(
        "mode", "code",
        "create, update or delete (the last two on [id]): would this write be done now? Everything it does is tried and undone. "
        "profile: validate against `profile`. Without a mode only the content counts.",
    ),
    Parameter("profile", "uri", "The R4 definition of the type itself; no other profile can be validated against yet."),
)  # fmt: skip
_MODES = ("create", "update", "delete", "profile")
_R4 = "http://hl7.org/fhir/StructureDefinition/"


async def validated(request: Request, ctx: Context) -> Response:
    """An OperationOutcome: the faults, or one issue of severity information."""
    kind, id = negotiation.kind_of(request), request.path_params.get("id")
    sent = await operation.sent(request, PARAMETERS, itself=kind)
    _refuse_profile(sent, kind)
    mode = _mode(sent, request, id)
    resource = sent.whole.get("resource")
    if resource is None and mode != "delete":
        resource = await _stored(ctx, kind, id)
    try:
        if mode is None:
            validate(resource or {})
        else:
            await _rehearse(ctx, _change(request, mode, kind, id, resource))
    except MaillageError as fault:
        if fault.status >= 500:
            raise
        return _told(negotiation.plain(fault).issues)
    named = (resource or {}).get("meta", {}).get("profile", ())
    return _told([Issue("informational", _passed(mode), severity="information"), *map(_unchecked, named)])


async def _rehearse(ctx: Context, change: Change) -> None:
    """Raises what this write would be refused for; DELETE answers 204 where nothing is there, so that is no fault."""
    try:
        await ctx.records.operations.rehearse(change)
    except NotFound:
        if change.verb is not Verb.DELETE:
            raise
        await instances.nothing_to_delete(ctx, change.resource["resourceType"], change.resource["id"], change.expected)


def _mode(sent: Sent, request: Request, id: str | None) -> str | None:
    mode = sent.get("mode")
    if mode is None:
        return None
    if mode not in _MODES:
        raise refused("mode", f"{mode!r} is not one of {', '.join(_MODES)}")
    if mode == "profile":
        if sent.get("profile") is None:
            raise refused("profile", "is needed for mode=profile")
        return None
    if (id is None) != (mode == "create"):
        raise refused("mode", f"{mode} is asked on {'a type' if mode == 'create' else 'a resource'}")
    if request.method == "GET":
        raise refused("mode", f"{mode} is asked by POST")
    return mode


def _refuse_profile(sent: Sent, kind: str) -> None:
    """R4: a profile that cannot be validated against is an error, not a validation without it."""
    profile = sent.get("profile")
    if profile not in (None, f"{_R4}{kind}"):
        message = f"{profile} cannot be validated against; {_R4}{kind} can"
        raise refused("profile", message, code="not-supported")


async def _stored(ctx: Context, kind: str, id: str | None) -> dict[str, Any]:
    if id is None:
        raise refused("resource", "is needed", code="required")
    return await ctx.records.read(kind, id)


def _change(request: Request, mode: str, kind: str, id: str | None, resource: dict[str, Any] | None) -> Change:
    if mode == "delete":
        return Change.delete(kind, str(id), expected=negotiation.expected_version(request))
    content = resource or {}
    if mode == "create":
        return Change(Verb.CREATE, {name: value for name, value in content.items() if name != "id"})
    if content.get("id") != id:
        raise refused(f"{kind}.id", f"must be that of the address ({id!r})")
    return Change(Verb.PUT, content, negotiation.expected_version(request))


def _passed(mode: str | None) -> str:
    return "nothing is wrong with the content" if mode is None else f"this {mode} would be done now"


def _unchecked(profile: str) -> Issue:
    return Issue("not-supported", f"not validated against {profile}, which the resource claims", severity="information")


def _told(issues: Any) -> Response:
    return answers.fhir(json.dumps(outcome(issues)))


VALIDATE = Operation(
    "validate", "Validate a resource", "200 and an OperationOutcome, whether or not the resource is valid.", None,
    (Level.TYPE, Level.INSTANCE), validated, PARAMETERS, "OperationOutcome", by_post_writes=True,
)  # fmt: skip
