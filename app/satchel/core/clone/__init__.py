"""Cloning: a new catalog from all that is reachable from one record."""
