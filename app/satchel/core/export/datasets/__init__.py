"""Exporting a version of a deriva-ml dataset, and what that would bring."""
