"""FHIRPath 2.0.0 (http://hl7.org/fhirpath/N1) over FHIR R4: compiled once into closures, evaluated on JSON as `maillage.fhir.json` reads it. See docs/adr/0059."""

from maillage.fhir.fhirpath.compiling import Budget, Environment, Expression, Unevaluable, compiled

__all__ = ["Budget", "Environment", "Expression", "Unevaluable", "compiled"]
