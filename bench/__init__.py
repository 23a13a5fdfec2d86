"""Measurements: programs that print ratios and verify what they measured; never part of the tests."""
