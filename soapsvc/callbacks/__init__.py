"""The network: which addresses a callback may go to, and one try to send it there."""
