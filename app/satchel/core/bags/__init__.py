"""BagIt bags: create, verify, archive."""
