"""Sign-in and where secrets live."""
