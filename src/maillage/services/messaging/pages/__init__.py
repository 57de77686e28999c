"""The doors of messaging, a file for each place."""

from maillage.services.messaging.pages import conversations, inbox

routes = [*inbox.routes, *conversations.routes]
