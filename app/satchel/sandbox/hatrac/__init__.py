"""Hatrac over plain files."""

from .files import Hatrac

__all__ = ["Hatrac"]
