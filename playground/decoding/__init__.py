"""Decoding with transformers' own generate, and a record of every step that it takes."""
