"""Coordination: the person's record around the table, the caseload and its tasks. See README.md."""
