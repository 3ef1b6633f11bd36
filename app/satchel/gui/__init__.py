"""The window. Qt only: no network and no file formats."""
