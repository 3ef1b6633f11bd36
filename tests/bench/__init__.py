"""Benchmarks against the peers: `make bench`. Figures are printed, never asserted."""
