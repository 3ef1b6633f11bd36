"""MINIDs and their kin: what they are called, who knows them, minting, receiving, and looking after them."""
