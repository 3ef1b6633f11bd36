"""The window in which a bag is looked into: its files as a tree, tables, pictures, texts, and what links the tables."""
