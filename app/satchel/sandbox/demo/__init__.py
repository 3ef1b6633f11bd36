"""The demo catalog: a believable eye study, the same from the same seed."""
