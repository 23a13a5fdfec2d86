"""Work in the background: runs what use cases left to be done, and tells who waits for it."""
