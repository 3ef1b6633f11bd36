"""Identifiers in the window: those minted and received, receiving by paste or drop, citations and QR codes."""
