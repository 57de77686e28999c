"""An emulated mail server: it takes letters over SMTP and shows them on a page. It sends nothing on."""

from maillage.connectors.mail.emulator.app import create_viewer
from maillage.connectors.mail.emulator.mailbox import Mailbox, Received, smtp_door

__all__ = ["Mailbox", "Received", "create_viewer", "smtp_door"]
