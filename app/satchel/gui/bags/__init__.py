"""The page on which bags are checked."""
