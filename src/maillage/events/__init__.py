"""Facts that happened, written in the same transaction as the data they are about."""

from maillage.events.base import Event, Recorded, kinds
from maillage.events.feed import START, Cursor, as_json, read, record, settle_after_restore

__all__ = ["START", "Cursor", "Event", "Recorded", "as_json", "kinds", "read", "record", "settle_after_restore"]
