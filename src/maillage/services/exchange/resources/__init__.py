"""What an exchange is made of: refusals and answers, and a message laid out for a person to read and correct."""
