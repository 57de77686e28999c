"""The verbs of exchange: routes, receiving, quarantine, health."""
