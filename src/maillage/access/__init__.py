"""Who acts, why, what they may do and see, and the trace of it: the only way to the records for everything above."""
