"""The operations of the door: the routes, the CapabilityStatement and the OperationDefinitions are made of them."""

from maillage.http.fhir import documents, everything, lastn, meta, validating

OPERATIONS = (
    everything.PATIENT,
    everything.ENCOUNTER,
    lastn.LASTN,
    documents.DOCUMENT,
    validating.VALIDATE,
    meta.SHOW,
    meta.ADD,
    meta.DELETE,
)
