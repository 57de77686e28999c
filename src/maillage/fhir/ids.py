"""The numbers by which the store knows types, resources and parameters."""

import re
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID

from maillage.errors import Invalid

# The resource types of R4 4.0.1. A type's number is its place here and is stored: add at the end, never reorder.
# fmt: off
TYPES = [
    "Account", "ActivityDefinition", "AdverseEvent", "AllergyIntolerance", "Appointment", "AppointmentResponse", "AuditEvent",
    "Basic", "Binary", "BiologicallyDerivedProduct", "BodyStructure", "Bundle", "CapabilityStatement", "CarePlan", "CareTeam",
    "CatalogEntry", "ChargeItem", "ChargeItemDefinition", "Claim", "ClaimResponse", "ClinicalImpression", "CodeSystem",
    "Communication", "CommunicationRequest", "CompartmentDefinition", "Composition", "ConceptMap", "Condition", "Consent",
    "Contract", "Coverage", "CoverageEligibilityRequest", "CoverageEligibilityResponse", "DetectedIssue", "Device",
    "DeviceDefinition", "DeviceMetric", "DeviceRequest", "DeviceUseStatement", "DiagnosticReport", "DocumentManifest",
    "DocumentReference", "EffectEvidenceSynthesis", "Encounter", "Endpoint", "EnrollmentRequest", "EnrollmentResponse",
    "EpisodeOfCare", "EventDefinition", "Evidence", "EvidenceVariable", "ExampleScenario", "ExplanationOfBenefit",
    "FamilyMemberHistory", "Flag", "Goal", "GraphDefinition", "Group", "GuidanceResponse", "HealthcareService", "ImagingStudy",
    "Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation", "ImplementationGuide", "InsurancePlan", "Invoice",
    "Library", "Linkage", "List", "Location", "Measure", "MeasureReport", "Media", "Medication", "MedicationAdministration",
    "MedicationDispense", "MedicationKnowledge", "MedicationRequest", "MedicationStatement", "MedicinalProduct",
    "MedicinalProductAuthorization", "MedicinalProductContraindication", "MedicinalProductIndication",
    "MedicinalProductIngredient", "MedicinalProductInteraction", "MedicinalProductManufactured", "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect", "MessageDefinition", "MessageHeader",
    "MolecularSequence", "NamingSystem", "NutritionOrder", "Observation", "ObservationDefinition", "OperationDefinition",
    "OperationOutcome", "Organization", "OrganizationAffiliation", "Parameters", "Patient", "PaymentNotice",
    "PaymentReconciliation", "Person", "PlanDefinition", "Practitioner", "PractitionerRole", "Procedure", "Provenance",
    "Questionnaire", "QuestionnaireResponse", "RelatedPerson", "RequestGroup", "ResearchDefinition",
    "ResearchElementDefinition", "ResearchStudy", "ResearchSubject", "RiskAssessment", "RiskEvidenceSynthesis", "Schedule",
    "SearchParameter", "ServiceRequest", "Slot", "Specimen", "SpecimenDefinition", "StructureDefinition", "StructureMap",
    "Subscription", "Substance", "SubstanceNucleicAcid", "SubstancePolymer", "SubstanceProtein",
    "SubstanceReferenceInformation", "SubstanceSourceMaterial", "SubstanceSpecification", "SupplyDelivery", "SupplyRequest",
    "Task", "TerminologyCapabilities", "TestReport", "TestScript", "ValueSet", "VerificationResult", "VisionPrescription",
]
# fmt: on

_NUMBERS = {name: number for number, name in enumerate(TYPES, start=1)}
_LEGAL = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-79a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_VERSION_8 = 0x8 << 76


def number(kind: str) -> int:
    """The stored number of a resource type; a name that R4 does not have is Invalid."""
    try:
        return _NUMBERS[kind]
    except KeyError:
        raise Invalid(f"{kind} is not a resource type of FHIR R4") from None


def kind(number: int) -> str:
    """The resource type of a stored number."""
    return TYPES[number - 1]


def legal(text: object) -> bool:
    """Whether this is an id as R4 writes them."""
    return isinstance(text, str) and _LEGAL.fullmatch(text) is not None


@lru_cache(maxsize=16_384)
def key(text: str) -> UUID:
    """The stored key of a resource id: the id itself when it is a lower-case UUID, else a hash of it.

    Hashes carry UUID version 8, and ids that are UUIDs of version 8 are hashed too, so the two never meet.
    """
    if _CANONICAL.fullmatch(text):
        return UUID(text)
    digest = int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big")
    return UUID(int=digest & ~(0xF << 76) | _VERSION_8)


CITES, IS = 0, -1
"""In the place of the type an edge leads to: it leads to a canonical (`canonical(url)`), which the resource names, or which names it."""


def canonical(url: str) -> UUID:
    """The key under which a canonical is the far end of edges. No id has its character `|`."""
    return key(f"|{url}")


def key_text(text: str) -> str:
    """The key of a resource id as text."""
    return text if _CANONICAL.fullmatch(text) else str(key(text))


def hashed(key: UUID) -> bool:
    """Whether the key is a hash, so that the id is only in the text of the resource."""
    return key.int >> 76 & 0xF == 8


@lru_cache(maxsize=4_096)
def edge(kind: str, parameter: str) -> int:
    """The stored number of a reference parameter of a type (32 bits, signed)."""
    return int.from_bytes(blake2b(f"{kind}.{parameter}".encode(), digest_size=4).digest(), "little", signed=True)
