"""The same requests from a terminal."""
