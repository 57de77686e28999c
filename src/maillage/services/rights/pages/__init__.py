"""The doors of rights, a file for each place: who looked and the officer's desk, the carers of a person, their guardians."""

from maillage.services.rights.pages import carers, guardians, trail

routes = [*trail.routes, *carers.routes, *guardians.routes]
