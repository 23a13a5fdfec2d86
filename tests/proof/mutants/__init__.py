"""The service with something wrong in it, for the proof to find. No trace of this is in the service itself.

    python -m tests.proof.mutants NAME,NAME serve --port 8080

does what `python -m soapsvc serve --port 8080` does, after the named functions have changed some of its own.
"""
