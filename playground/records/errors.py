"""The one error that a user can cause."""


class PlaygroundError(Exception):
    """Something the user asked for cannot be done; the message says what to do instead, fit for the page."""
