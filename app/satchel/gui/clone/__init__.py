"""What a clone has to say: its report as a tree."""
