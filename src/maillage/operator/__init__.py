"""What an operator does with an installation: demonstrate, check, import, back up, restore, send."""
