"""FHIR XML in and out, to and from the same objects as `fhir.json` (R4 xml.html; docs/adr/0018-formats.md)."""

from maillage.fhir.xml.reading import loads
from maillage.fhir.xml.writing import dumps

__all__ = ["dumps", "loads"]
