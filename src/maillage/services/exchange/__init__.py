"""Doors for machines: messages received over MLLP, their answers, their quarantine, and the health of the connectors."""
