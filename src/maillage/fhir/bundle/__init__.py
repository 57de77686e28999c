"""Batch and transaction bundles: several requests in one, in R4's order, through any door to the records."""

from maillage.fhir.bundle.answers import Done
from maillage.fhir.bundle.door import Door, Operate, StoreDoor
from maillage.fhir.bundle.entries import Entry
from maillage.fhir.bundle.process import process, single

__all__ = ["Done", "Door", "Entry", "Operate", "StoreDoor", "process", "single"]
