"""The doors of rights, a file for each place: who looked and the officer's desk, the carers of a person, their guardians, what they ask, what is erased."""

from maillage.services.rights.pages import carers, erasure, guardians, requests, trail

routes = [*trail.routes, *carers.routes, *guardians.routes, *requests.routes, *erasure.routes]
