"""Mail: notices without health data through SMTP, and an emulated mailbox server to read them on a demonstration."""

from maillage.connectors.mail.mailer import Letter, Mailer, TransportSecurity

__all__ = ["Letter", "Mailer", "TransportSecurity"]
