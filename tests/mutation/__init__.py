"""Is each condition of the core logic needed? It is changed in one place at a time, and a test must fail."""
