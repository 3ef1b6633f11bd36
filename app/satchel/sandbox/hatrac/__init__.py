"""Hatrac over plain files."""
