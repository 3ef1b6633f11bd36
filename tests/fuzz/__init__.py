"""Fuzzing of all that reads what others have written: `make fuzz`."""
