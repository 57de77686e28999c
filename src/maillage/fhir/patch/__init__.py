"""Patches of a resource: JSON Patch (RFC 6902) and FHIRPath Patch (R4 fhirpatch.html)."""

from maillage.fhir.patch.patched import JSON_PATCH, patched

__all__ = ["JSON_PATCH", "patched"]
