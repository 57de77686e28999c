"""An emulator of Pro Santé Connect: the authorisation-code flow over HTTP, with the real claims, for people who do not exist."""

from maillage.connectors.psc.emulator.app import create_emulator
from maillage.connectors.psc.emulator.realm import Client, Persona, Realm, personas_from

__all__ = ["Client", "Persona", "Realm", "create_emulator", "personas_from"]
