"""Benchmarks: not collected by pytest, not part of CI; `make bench` runs them."""
