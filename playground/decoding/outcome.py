"""Why a decoding ended, and how good each of its texts is."""

from playground.decoding.plan import Plan
from playground.decoding.processors import NothingLeftError
from playground.models.memory import is_memory_error
from playground.records import BeamTree, FinishReason, Step


def score_in(tree: BeamTree, ids: list[int]) -> float | None:
    """Return what the search ranked a sequence by, None where it is not in the tree."""
    path = tree.follow(ids)
    return tree.penalised(path[-1]) if path and len(path) == len(ids) else None


def reason_to_break_off(error: Exception) -> FinishReason:
    """Return why a decoding cannot go on although nothing is wrong with it; raises the error where something is."""
    if isinstance(error, NothingLeftError):
        return "nothing-left"
    if is_memory_error(error):
        return "memory"
    raise error


def finish_reason_of(
    plan: Plan,
    steps: list[Step],
    hit_stop_string: bool,
    broken_off: FinishReason | None,
    *,
    is_paused: bool = False,
) -> FinishReason:
    """Return why a decoding ended.

    broken_off: it could not go on, and why; is_paused: no more were asked for now
    """
    is_full = len(steps) >= plan.max_new_tokens
    is_forced = is_full and plan.rules.forced_last is not None  # an end that was no choice
    if steps and steps[-1].token.id in plan.eos_ids and not is_forced:
        return "end-of-text"
    if hit_stop_string:
        return "stop-string"
    if broken_off is not None:
        return broken_off
    if is_full:
        return "context" if plan.cut_by_context else "length"
    return "paused" if is_paused else "stopped"
