"""FHIR Patient, HL7 segments and database rows ↔ the small values that the rules read. Pure."""
