"""A beam search as data for the page (assets/js/beams.js, assets/js/ranking.js), and what is said of it."""

import html
import json
import math

from playground.records import BeamNode, BeamTree, GreedyComparison, Step, describe_fate
from playground.records.beam_fates import count, number, ordinal
from playground.views.labels import elide, plain_label, readable, visible

STATES = ("running", "pruned", "finished")
LONGEST_LABEL = 11  # characters that fit a node
MOST_RANKED = 200  # finished hypotheses in the list


def beam_tree_json(tree: BeamTree, prompt_end: str = "") -> str:
    """Return the tree for the page: JSON of {numBeams, lengthPenalty, prompt, nodes}.

    nodes: [parent or -1, step, label, log-probability, score, state by its place in STATES, on the winner's path].
    prompt_end: the label of the prompt's last token, from which everything grows.
    """
    nodes = [
        [
            -1 if node.parent is None else node.parent,
            node.step,
            elide(visible(node.label), LONGEST_LABEL) or "∅",
            _rounded(node.log_probability),
            _rounded(node.score),
            STATES.index(node.state),
            int(node.in_best),
        ]
        for node in tree.nodes
    ]
    return _json(
        {
            "numBeams": tree.num_beams,
            "lengthPenalty": tree.length_penalty,
            "prompt": elide(visible(prompt_end), LONGEST_LABEL),
            "nodes": nodes,
        }
    )


def ranking_json(tree: BeamTree) -> str:
    """Return the finished hypotheses for the list that the length penalty ranks: JSON of {lengthPenalty, winner, rows}.

    rows: [node, length, score, text], by node; the scores have all their digits, so that the page ranks as
    BeamTree.ranking does. Of very many only the best, by the search's own penalty.
    """
    ranked = sorted(tree.ranking()[:MOST_RANKED], key=lambda node: node.id)
    rows = [[node.id, node.length, node.score, readable(path_text(tree, node))] for node in ranked]
    winner = -1 if tree.winner is None else tree.winner.id
    return _json({"lengthPenalty": tree.length_penalty, "winner": winner, "rows": rows})


def path_text(tree: BeamTree, node: BeamNode) -> str:
    """Return the labels of a hypothesis' tokens, joined."""
    return "".join(step.label for step in tree.path(node.id))


def describe_tree(tree: BeamTree) -> str:
    """Return what the search did, as HTML."""
    n_finished, winner = len(tree.ranking()), tree.winner
    if winner is None:
        return "<p>The search was stopped before its first step.</p>"
    fraction = f"{number(winner.score)} / {winner.length}{_power(tree.length_penalty)}"
    return (
        f"<p>{count(tree.num_beams).capitalize()} beams, {len(tree.steps)} steps: {len(tree.nodes):,} hypotheses, "
        f"{count(n_finished)} finished. The lit path won with {fraction} = {number(tree.penalised(winner))}. "
        "Select any other to see why it died.</p>"
    )


def node_sentence(tree: BeamTree, id: int) -> str:
    """Return a hypothesis, its numbers and what became of it, as HTML."""
    node = tree.nodes[id]
    text = html.escape(readable(path_text(tree, node)))
    numbers = (
        f"Step {node.length}: log-probability {number(node.log_probability)}, cumulative {number(node.score)}, "
        f"length-penalised {number(tree.penalised(node))}"
    )
    fate = html.escape(describe_fate(tree, id))
    return f'<p class="beam-fate">{fate}</p><p>{numbers}.</p><p class="beam-text">{text}</p>'


def greedy_html(found: GreedyComparison) -> str:
    """Return both texts with their numbers, the part that differs marked, and a sentence on them, as HTML."""
    shared = len(found.beam.token_ids) if found.parts_at is None else found.parts_at
    rows = [
        ("Beam search", found.beam, found.beam_log_probability, found.beam_score),
        ("Greedy", found.greedy, found.greedy_log_probability, found.greedy_score),
    ]
    power = _power(found.beam.settings.length_penalty)
    lines = "".join(
        f"<dt>{name}</dt><dd><p class='beam-text'>{_text(record.steps, shared)}</p>"
        f"<p>log-probability {number(log_probability)}; / {len(record.written)}{power} = {number(score)}</p></dd>"
        for name, record, log_probability, score in rows
    )
    return f"<dl class='beam-and-greedy'>{lines}</dl><p class='beam-verdict'><b>{html.escape(verdict(found))}</b></p>"


def verdict(found: GreedyComparison) -> str:
    """Return whether beam search found what greedy cannot, and where they part; not escaped."""
    at = found.parts_at
    if at is None:
        return (
            "Beam search did not find anything better than greedy's text: of all hypotheses that it followed, the one "
            "that takes the likeliest token at every step won."
        )
    parting = _parting(found, at)
    gain = found.beam_log_probability - found.greedy_log_probability
    if found.beam_score > found.greedy_score:
        total = (
            f"as a whole its text is the likelier one, by {number(gain)} nats{_times(gain)}"
            if gain > 0
            else f"its text wins by the length-penalised score, {number(found.beam_score)} against "
            f"{number(found.greedy_score)}"
        )
        return f"Beam search found what greedy cannot: {parting}, yet {total}."
    fate = "" if found.last_node is None else " " + _greedy_fate(found, found.last_node)
    return f"Beam search did not find what greedy did: {parting}.{fate}"


def _times(gain: float) -> str:
    """Return a difference of log-probabilities as how many times as likely, where that is a number to imagine."""
    if gain > math.log(1e6):
        return ""
    return f" ({math.exp(gain):.2f} times)" if gain < math.log(10) else f" ({math.exp(gain):,.0f} times)"


def _parting(found: GreedyComparison, at: int) -> str:
    """Return what each chose where they part."""
    beam, greedy = (record.steps[at] if at < len(record.steps) else None for record in (found.beam, found.greedy))
    where = f"at step {at + 1}"
    if beam is None or greedy is None:
        return f"{where} {'beam search' if beam is None else 'greedy'} was at its end, the other went on"
    return f"{where} it took {_choice(beam)}, greedy {_choice(greedy)}"


def _choice(step: Step) -> str:
    rank = "the likeliest" if step.rank == 1 else f"the {ordinal(step.rank)} by likelihood"
    return f"“{plain_label(step.token)}” ({100 * step.chosen.raw_probability:.1f} %, {rank})"


def _greedy_fate(found: GreedyComparison, last: int) -> str:
    tree = found.beam.beam_tree
    assert tree is not None
    return f"Greedy's beginning in the tree: {describe_fate(tree, last)}"


def _text(steps: tuple[Step, ...], shared: int) -> str:
    same = html.escape("".join(step.token.text for step in steps[:shared]))
    other = html.escape("".join(step.token.text for step in steps[shared:]))
    return f"{same}<mark>{other}</mark>" if other else same


def _power(length_penalty: float) -> str:
    return "" if length_penalty == 1 else f"<sup>{length_penalty:g}</sup>".replace("-", "−")


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _json(data: dict[str, object]) -> str:
    # "<" as an escape, so that no layer between here and the page takes a token for markup
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
