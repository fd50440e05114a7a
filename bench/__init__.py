"""Benchmarks: each module measures one thing and prints one JSON line. `python -m bench [NAME ...] [--save]`."""
