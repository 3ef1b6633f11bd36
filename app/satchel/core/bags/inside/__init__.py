"""Looking inside a bag: its payload as a tree, records as tables, and the links between them."""
