"""Satchel: share data from a DERIVA catalog by pointing and clicking."""

__version__ = "0.1.0"
