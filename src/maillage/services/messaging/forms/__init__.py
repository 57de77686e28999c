"""What the forms of messaging send, one file a form."""
