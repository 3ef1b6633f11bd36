"""Icons, style and other files that Satchel shows."""
