"""What is asked on the pages of coordination, a file for each form."""
