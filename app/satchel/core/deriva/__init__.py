"""Talking to a Deriva server: session, ERMrest, Hatrac, the schema as a graph."""
