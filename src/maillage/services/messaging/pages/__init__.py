"""The doors of messaging, a file for each place."""

from maillage.services.messaging.pages import conversations, inbox, quiet

routes = [*inbox.routes, *conversations.routes, *quiet.routes]
