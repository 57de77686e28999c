"""What the operations of R4 answer from the store: a whole record, the last observations, a document."""
