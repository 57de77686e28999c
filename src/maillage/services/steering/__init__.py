"""Indicators for the regional agency and the operator: counts, never records."""
