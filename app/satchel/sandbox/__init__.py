"""A Deriva server in a folder. Imports nothing of core or gui."""
