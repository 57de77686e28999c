"""What other services may ask of coordination: to raise an alert; what it writes as FHIR. Its rules of tasks, alerts and agendas hold at every door."""

from maillage.services.coordination.resources.alert import Why
from maillage.services.coordination.resources.contact import contact_for
from maillage.services.coordination.resources.episode import ended, episode_for
from maillage.services.coordination.resources.home_visit import visit_for
from maillage.services.coordination.resources.relative import identified
from maillage.services.coordination.resources.relative import role as relative_role
from maillage.services.coordination.resources.signature import fact_of
from maillage.services.coordination.resources.support import (
    Agreement,
    Asked,
    closed,
    moved,
    request_for,
    request_from,
    with_referent,
)
from maillage.services.coordination.resources.support import task_for as answer_for
from maillage.services.coordination.resources.task import todo_for, with_checks
from maillage.services.coordination.rules.support import Delay, State
from maillage.services.coordination.service.absences import say as say_away
from maillage.services.coordination.service.alert_guard import keep_alerts
from maillage.services.coordination.service.alerts import raise_alert
from maillage.services.coordination.service.booking_guard import keep_agendas
from maillage.services.coordination.service.invitations import invite
from maillage.services.coordination.service.meeting_report import hear_conclusions
from maillage.services.coordination.service.sight_guard import keep_encounters, keep_episodes
from maillage.services.coordination.service.task_guard import keep_tasks
from maillage.services.coordination.service.wishes import answer, ask

__all__ = [
    "Agreement",
    "Asked",
    "Delay",
    "State",
    "Why",
    "answer",
    "answer_for",
    "ask",
    "closed",
    "contact_for",
    "ended",
    "episode_for",
    "fact_of",
    "hear_conclusions",
    "identified",
    "invite",
    "keep_agendas",
    "keep_alerts",
    "keep_encounters",
    "keep_episodes",
    "keep_tasks",
    "moved",
    "raise_alert",
    "relative_role",
    "request_for",
    "request_from",
    "say_away",
    "todo_for",
    "visit_for",
    "with_checks",
    "with_referent",
]
