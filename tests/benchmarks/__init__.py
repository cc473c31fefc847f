"""How fast the page, the decoding and the pictures are on this machine: `python -m tests.benchmarks`."""
