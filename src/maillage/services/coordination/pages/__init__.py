"""The doors of coordination, a file for each place."""

from maillage.services.coordination.pages import (
    caseload,
    chronology,
    circle,
    emergencies,
    episode,
    meetings,
    own_plan,
    own_support,
    plan,
    record,
    support,
    tasks,
)

routes = [
    *record.routes,
    *chronology.routes,
    *circle.routes,
    *caseload.routes,
    *tasks.routes,
    *emergencies.routes,
    *plan.routes,
    *support.routes,
    *own_support.routes,
    *episode.routes,
    *own_plan.routes,
    *meetings.routes,
]
