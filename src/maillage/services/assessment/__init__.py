"""Assessments: questionnaires that are answered about a person, and the scales among them."""
