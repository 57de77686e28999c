"""The operations of the door: the routes, the CapabilityStatement and the OperationDefinitions are made of them."""

from maillage.http.fhir import everything

OPERATIONS = (everything.PATIENT, everything.ENCOUNTER)
