"""Sessions of people: a cookie of two halves, one that stays and finds the row, one that changes; of both only the SHA-256 is kept."""

from maillage.access.sessions.devices import (
    Device,
    NewDevice,
    Open,
    close_one,
    device_of,
    end_all,
    end_others,
    forget_stale,
    open_sessions,
    sign_in_on,
)
from maillage.access.sessions.secrets import (
    Session,
    SessionPolicy,
    close_session,
    handle_of,
    keep_alive,
    open_session,
    prove_anew,
    renew,
    session_of,
    still_open,
)

__all__ = [
    "Device",
    "NewDevice",
    "Open",
    "Session",
    "SessionPolicy",
    "close_one",
    "close_session",
    "device_of",
    "end_all",
    "end_others",
    "forget_stale",
    "handle_of",
    "keep_alive",
    "open_session",
    "open_sessions",
    "prove_anew",
    "renew",
    "session_of",
    "sign_in_on",
    "still_open",
]
