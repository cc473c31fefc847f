"""Finding and loading models, what they are, and tokens <-> text."""
