"""Types of which rows are nobody's record, and types as numbers."""

from maillage.fhir import definitions, ids

# Rows without a patient that whoever is signed in may read: the directory, the offer of care, and definitions.
OPEN_TYPES = frozenset({
    "ActivityDefinition", "CapabilityStatement", "CodeSystem", "CompartmentDefinition", "ConceptMap", "Device",
    "DeviceDefinition", "Endpoint", "EventDefinition", "GraphDefinition", "HealthcareService", "ImplementationGuide",
    "InsurancePlan", "Library", "Location", "Measure", "Medication", "MedicationKnowledge", "MessageDefinition",
    "NamingSystem", "OperationDefinition", "Organization", "OrganizationAffiliation", "PlanDefinition", "Practitioner",
    "PractitionerRole", "Questionnaire", "Schedule", "SearchParameter", "Slot", "StructureDefinition", "StructureMap",
    "Substance", "TerminologyCapabilities", "ValueSet",
})  # fmt: skip
DIRECTORY_TYPES = frozenset(
    {"Endpoint", "HealthcareService", "Location", "Organization", "OrganizationAffiliation", "Practitioner", "PractitionerRole"}
)


def numbers(types: frozenset[str]) -> str:
    """The numbers of these types as a PostgreSQL array literal; names that R4 does not have are left out."""
    known = definitions.resource_types()
    return "{" + ",".join(str(ids.number(name)) for name in sorted(types) if name in known) + "}"
