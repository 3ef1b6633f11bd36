"""Export of a selection as a BDBag."""
