"""What other services may call of software."""
