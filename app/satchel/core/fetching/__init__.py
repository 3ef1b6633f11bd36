"""Fetches what a bag lists and does not hold: any bag's, from any server, and believes nobody."""
