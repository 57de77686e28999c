"""A resource after a patch, whichever of the two kinds the patch is of."""

import base64
import binascii

from maillage.errors import Invalid, Issue, Unprocessable
from maillage.fhir import json
from maillage.fhir.json import Resource
from maillage.fhir.patch import fhirpath_patch, json_patch
from maillage.fhir.validation import validate

JSON_PATCH = "application/json-patch+json"


def patched(resource: Resource, patch: Resource) -> Resource:
    """The resource as the patch leaves it; the one handed in is not touched.

    `patch` is what R4 puts in a bundle (http.html#patch): Parameters are a FHIRPath Patch, a Binary holds a JSON Patch. Raises Invalid for
    what is no patch, Unprocessable where it does not fit the resource, PreconditionFailed where a `test` does not hold.
    """
    validate(patch)
    match patch["resourceType"]:
        case "Parameters":
            result = fhirpath_patch.applied(resource, patch)
        case "Binary":
            result = json_patch.applied(resource, json.loads_array(_bytes_of(patch)))
        case other:
            raise _refused(f"a patch is a Parameters (FHIRPath Patch) or a Binary ({JSON_PATCH}), not {other}")
    for name in ("resourceType", "id"):
        if result.get(name) != resource.get(name):
            message = f"a patch may not change {name}"
            raise Unprocessable(message, issues=[Issue("business-rule", message, f"{resource['resourceType']}.{name}")])
    return result


def _bytes_of(binary: Resource) -> bytes:
    if binary["contentType"] != JSON_PATCH:
        raise _refused(f"a Binary that patches has the contentType {JSON_PATCH}, not {binary['contentType']}")
    try:
        return base64.b64decode(binary.get("data", ""))
    except binascii.Error as fault:
        raise _refused(f"Binary.data is not base64: {fault}") from fault


def _refused(message: str) -> Invalid:
    return Invalid.at("patch", message)
