"""The REST door: work items and their versions as resources, with JSON, entity tags and problems.

`operations` says what an operation is, `interface` has them all, `application` answers requests by them.
"""
