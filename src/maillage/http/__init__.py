"""The door: routes with a permission, sessions, errors, negotiation."""
