"""Facts about accounts. Identifiers only."""

from maillage.events import Event


class AccountInvited(Event, frozen=True, kw_only=True):
    """Somebody (`account`, id of the row of `account`) was invited, or is sent a new link. `keeps`: it sets the password alone."""

    account: str
    keeps: bool = False


class AccountClosed(Event, frozen=True, kw_only=True):
    """An account was closed: its sessions have ended, the directory is to say so."""

    account: str
