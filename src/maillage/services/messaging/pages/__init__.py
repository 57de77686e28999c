"""The doors of messaging, a file for each place."""

from maillage.services.messaging.pages import inbox

routes = [*inbox.routes]
