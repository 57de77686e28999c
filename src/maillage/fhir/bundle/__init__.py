"""Batch and transaction bundles: several requests in one, in R4's order, through any door to the records."""

from maillage.fhir.bundle.process import Door, StoreDoor, process

__all__ = ["Door", "StoreDoor", "process"]
