"""The export wizard's pages for deriva-ml's datasets: which one, and what its version would bring."""
