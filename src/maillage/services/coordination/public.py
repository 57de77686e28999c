"""What other services may ask of coordination: to raise an alert. Its rules of tasks and alerts hold at every door."""

from maillage.services.coordination.resources.alert import Why
from maillage.services.coordination.service.alert_guard import keep_alerts
from maillage.services.coordination.service.alerts import raise_alert
from maillage.services.coordination.service.task_guard import keep_tasks
from maillage.services.coordination.service.wishes import answer, ask

__all__ = ["Why", "answer", "ask", "keep_alerts", "keep_tasks", "raise_alert"]
