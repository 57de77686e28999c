"""Base templates, components, static files: how pages look and speak."""
