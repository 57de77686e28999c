"""The compartment of a patient: which parameters of a type name the patient whose record holds the resource."""

from functools import cache

from maillage.fhir import definitions
from maillage.fhir.extraction import IndexRows

_SUBJECT_LIKE = ("patient", "subject", "beneficiary", "individual")
_SEVERAL = {"Account", "Appointment", "AuditEvent", "Contract", "Group", "Patient", "Person", "Provenance", "Schedule"}
"""Types whose parameter may name several patients (R4), and Patient, which is its own compartment."""


@cache
def home(kind: str) -> tuple[str, ...]:
    """The reference parameters whose only possible patient is the one of the compartment.

    The store keeps no edge for them: the column `patient` is that edge. Empty for types that may name several patients or none.
    """
    if kind in _SEVERAL or kind not in definitions.compartment():
        return ()
    known = definitions.search_parameters(kind)
    return tuple(code for code in _SUBJECT_LIKE if code in known and known[code].type == "reference" and known[code].supported)


def patient_of(found: IndexRows) -> str | None:
    """The id of the patient whose compartment holds the resource; of several, none."""
    codes = home(found.type)
    if not codes:
        return found.patient
    named = {id for code, target, id in found.references if target == "Patient" and code in codes}
    return named.pop() if len(named) == 1 else None
