"""What is asked on the pages of assessment."""
