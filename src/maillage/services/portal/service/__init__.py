"""The verbs of the portal: a person's own space, and the copy that they take of their record."""
