"""Planted bugs, and the tests that must catch them: `make mutants`."""
