"""The side of a text that a model predicts: a decoder's whole text, an encoder-decoder's target."""

from playground.records import Token
from playground.ui.session import Session


def written_name(session: Session) -> str:
    """Return what the text that the model predicts is called."""
    return "The target" if session.n_target else "This text"


def n_written(session: Session) -> int:
    """Return how many tokens it has, the start token of a target counted in."""
    return session.n_target or len(session.ids)


def written_tokens(session: Session) -> tuple[Token, ...]:
    """Return the tokens that the model predicts."""
    return session.tokens[len(session.tokens) - n_written(session) :]


def place_in_written(session: Session) -> int:
    """Return the place of the selected token among those that the model predicts; -1 where it is a source's."""
    place = session.selected - session.n_source if session.n_target else session.selected
    return max(-1, place)


def token_of_place(session: Session, place: int) -> int:
    """Return the token at a place among those that the model predicts."""
    return place + (session.n_source if session.n_target else 0)
