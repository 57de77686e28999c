"""A synthetic territory: people, structures and situations that exist nowhere."""
