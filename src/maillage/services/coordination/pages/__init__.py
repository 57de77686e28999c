"""The doors of coordination, a file for each place."""

from maillage.services.coordination.pages import caseload, chronology, circle, emergencies, plan, record, tasks

routes = [*record.routes, *chronology.routes, *circle.routes, *caseload.routes, *tasks.routes, *emergencies.routes, *plan.routes]
