"""What services above may ask of messaging."""

from maillage.services.messaging.resources.message import Readers, message_for
from maillage.services.messaging.resources.wish import WISH
from maillage.services.messaging.resources.wording import Words, renders
from maillage.services.messaging.service.asking import Wish, answers, asks
from maillage.services.messaging.service.attachments import File, keep
from maillage.services.messaging.service.guarding import keep_conversations
from maillage.services.messaging.service.matters import notify, settle

__all__ = [
    "WISH",
    "File",
    "Readers",
    "Wish",
    "Words",
    "answers",
    "asks",
    "keep",
    "keep_conversations",
    "message_for",
    "notify",
    "renders",
    "settle",
]
