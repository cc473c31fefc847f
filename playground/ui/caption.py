"""Which row of the maps is marked, and why that one, in words."""

import html

from playground.ui.session import Session
from playground.views.labels import plain_label


def look_caption(session: Session) -> str:
    """Return what is said above the maps, as HTML."""
    if not session.ids:
        return "<p>A map has a row for each token that looks and a column for each token looked at.</p>"
    return f"<p>{_elsewhere(session)}{_chosen(session) if session.is_choosing else _read(session)}</p>"


def _chosen(session: Session) -> str:
    """Return from where a decoder looked when it chose the token."""
    place = session.looked_for
    looking = session.queries.start + session.query
    if place == session.queries.start:
        if session.kind == "self":
            return f"“{_label(session, place)}” is the first token: it can only look at itself."
        look = "where it looked before the first word" if session.kind == "cross" else "it can only look at itself"
        return f"The decoder starts with <b>“{_label(session, place)}”</b>, which nothing chose: {look}."
    verb = "chose" if session.step_of(place) else "read on to"
    where = "what it looked at in the source" if session.kind == "cross" else "where it looked"
    return (
        f"When the model {verb} <b>“{_label(session, place)}”</b> ({_number(session, place)}) it stood at "
        f"<b>“{_label(session, looking)}”</b> ({_number(session, looking)}): the marked row is {where} from there."
    )


def _read(session: Session) -> str:
    """Return where a token of an encoder looked."""
    place = session.looked_for
    return (
        f"An encoder reads all tokens at once, each from a row of its own: the marked row is where "
        f"<b>“{_label(session, place)}”</b> ({_number(session, place)}) looked."
    )


def _elsewhere(session: Session) -> str:
    """Return why the row is not that of the selected token, where it is of the text that does not look here."""
    if session.selected in session.queries:
        return ""
    its, other = ("source", "target") if session.selected < session.n_source else ("target", "source")
    return (
        f"“{_label(session, session.selected)}” is of the {its}, and only the {other} looks here: this is the "
        f"{other}'s token that you selected last. "
    )


def _label(session: Session, place: int) -> str:
    return html.escape(plain_label(session.tokens[place]))


def _number(session: Session, place: int) -> str:
    side = "target token" if place >= session.n_source else "source token" if session.n_target else "token"
    return f"{side} {session.number(place)}"
