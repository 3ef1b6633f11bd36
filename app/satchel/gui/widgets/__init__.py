"""Parts that pages are made of. Each takes its colours from `satchel.gui.theme` and has an accessible name."""
