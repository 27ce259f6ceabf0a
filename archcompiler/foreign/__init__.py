"""Networks that others have written: whether they are a spec's, and their weights for it."""
