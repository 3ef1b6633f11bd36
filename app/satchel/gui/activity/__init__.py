"""The activity page: what runs, waits or ended, and how far it is."""
