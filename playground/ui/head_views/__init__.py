"""The views of one head in the Attention tab: each builds its components and fills them from a session."""
