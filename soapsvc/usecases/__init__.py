"""The verbs: one function an operation, on a transaction, for a caller; free of HTTP and XML."""
