"""From a finished run, or a text that was read, to the session that shows it."""

from dataclasses import replace

from playground.records import AttentionKind, GenerationRecord, ModelKind, ReadText, Token
from playground.ui.session import Session


def session_of(record: GenerationRecord, read: ReadText, kind: ModelKind, before: Session) -> Session:
    """Return the session that shows a finished run, its last token selected, all else as it was before.

    read: the prompt, as a model of this kind reads it.
    """
    target = (*read.target_tokens, *(step.token for step in record.steps))
    tokens = (*record.prompt_tokens, *target)
    session = replace(before, model=record.model, model_kind=kind, steps=record.steps, run=record, branch=None)
    return _with_text(session, tokens, len(target) if kind == "encoder-decoder" else 0)


def session_of_text(model: str, read: ReadText, kind: ModelKind, before: Session) -> Session:
    """Return the session that shows a text that was given, its last token selected, all else as it was before."""
    session = replace(before, model=model, model_kind=kind, steps=(), hidden=(), run=None, branch=None)
    tokens = (*read.tokens, *read.target_tokens)
    return _with_text(session, tokens, len(read.target_tokens), read.type_ids, read.second_at)


def _with_text(
    session: Session, tokens: tuple[Token, ...], n_target: int, type_ids: tuple[int, ...] = (), second_at: int = 0
) -> Session:
    n_source = len(tokens) - n_target
    return replace(
        session,
        given=None,
        masked_before=(),
        ids=tuple(token.id for token in tokens),
        tokens=tokens,
        n_target=n_target,
        type_ids=type_ids,
        second_at=second_at,
        selected=len(tokens) - 1 if n_target != 1 else n_source - 1,  # a start token alone is no text
        beside=n_source - 1,
    )


def within_kind(session: Session, kind: AttentionKind) -> Session:
    """Return the session with one of the kinds that there are, and a layer and a head that it has.

    Where there is no such kind, that which says most: how an encoder-decoder's target looks at its source.
    """
    kinds = [shape.kind for shape in session.shapes]
    session = replace(session, kind=kind if kind in kinds else kinds[-1])
    last_layer, last_head = len(session.shape.layers) - 1, session.shape.n_heads - 1
    view = session.map_view
    return replace(
        session,
        layer=min(session.layer, last_layer),
        head=min(session.head, last_head),
        map_view=replace(
            view, other_layer=min(view.other_layer, last_layer), other_head=min(view.other_head, last_head)
        ),
    )
