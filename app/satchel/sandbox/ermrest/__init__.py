"""ERMrest over SQLite."""
