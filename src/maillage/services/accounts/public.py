"""What other rooms may ask of accounts."""

from maillage.services.accounts.rules.devices import device_words
from maillage.services.accounts.rules.invitations import ROLES
from maillage.services.accounts.service.accounts import (
    ENROLLING,
    Account,
    Invited,
    account_by_email,
    close,
    enrol,
    invite,
    managed_accounts,
    new_link,
    send_link,
)
from maillage.services.accounts.service.breached import breached_from

__all__ = [
    "ENROLLING",
    "ROLES",
    "Account",
    "Invited",
    "account_by_email",
    "breached_from",
    "close",
    "device_words",
    "enrol",
    "invite",
    "managed_accounts",
    "new_link",
    "send_link",
]
