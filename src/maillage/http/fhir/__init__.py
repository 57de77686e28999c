"""The FHIR R4 door: REST in JSON at `/fhir`, through the guarded records of whoever asks."""

from maillage.http.fhir.routes import fhir_routes

__all__ = ["fhir_routes"]
