"""Facts, written in the same transaction as the data they speak of."""
