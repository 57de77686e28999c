"""The doors of coordination, a file for each place."""

from maillage.services.coordination.pages import caseload, circle, emergencies, record, tasks

routes = [*record.routes, *circle.routes, *caseload.routes, *tasks.routes, *emergencies.routes]
