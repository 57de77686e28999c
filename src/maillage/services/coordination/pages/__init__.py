"""The doors of coordination, a file for each place."""

from maillage.services.coordination.pages import (
    caseload,
    chronology,
    circle,
    constants,
    emergencies,
    episode,
    facts,
    finding,
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
    *facts.routes,
    *finding.routes,
    *circle.routes,
    *constants.routes,
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
