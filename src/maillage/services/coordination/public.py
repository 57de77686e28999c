"""What other services may ask of coordination: to raise an alert; what calls and visits are as FHIR. Its rules of tasks, alerts and agendas hold at every door."""

from maillage.services.coordination.resources.alert import Why
from maillage.services.coordination.resources.contact import contact_for
from maillage.services.coordination.resources.home_visit import visit_for
from maillage.services.coordination.service.alert_guard import keep_alerts
from maillage.services.coordination.service.alerts import raise_alert
from maillage.services.coordination.service.booking_guard import keep_agendas
from maillage.services.coordination.service.meeting_report import hear_conclusions
from maillage.services.coordination.service.task_guard import keep_tasks
from maillage.services.coordination.service.wishes import answer, ask

__all__ = [
    "Why",
    "answer",
    "ask",
    "contact_for",
    "hear_conclusions",
    "keep_agendas",
    "keep_alerts",
    "keep_tasks",
    "raise_alert",
    "visit_for",
]
