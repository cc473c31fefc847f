"""Why a hypothesis of a beam search died, in a sentence with its numbers, made from the tree and nothing else."""

from playground.records.beams import BeamNode, BeamTree

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def describe_fate(tree: BeamTree, id: int) -> str:
    """Return what became of a hypothesis and, where it is not the winner's, why; not escaped."""
    node = tree.nodes[id]
    if node.in_best:
        return _winning(tree, node)
    if node.state == "finished":
        return _finished(tree, node)
    if node.state == "pruned":
        return _pruned_at_its_end(tree, node) if node.ended else _pruned(tree, node)
    if node.step == len(tree.steps) - 1:
        return _still_running(tree, node)
    return _died_out(tree, node)


def _winning(tree: BeamTree, node: BeamNode) -> str:
    winner = tree.best_path[-1]
    if node is not winner:
        place = tree.place(node)
        if place == 1:
            return f"On the winner's path: the best continuation of step {node.length}."
        best = max(tree.steps[node.step], key=lambda other: other.score)
        return (
            f"On the winner's path, though at step {node.length} it was only the {ordinal(place)}, "
            f"{_nats(best.score - node.score)} behind the best: what follows makes up for it."
        )
    second = next((other for other in tree.ranking() if other is not node), None)
    if second is None:
        return f"The winner, and the only one that finished: {_score(tree, node)}."
    digits = _digits_apart(tree.penalised(node), tree.penalised(second))
    return f"The winner: {_score(tree, node, digits)}. The second has {number(tree.penalised(second), digits)}."


def _finished(tree: BeamTree, node: BeamNode) -> str:
    winner = tree.best_path[-1]
    place = 1 + next(at for at, other in enumerate(tree.ranking()) if other is node)
    digits = _digits_apart(tree.penalised(node), tree.penalised(winner))
    return (
        f"Finished, as the {ordinal(place)} of {count(len(tree.ranking()))}: {_score(tree, node, digits)}; "
        f"the winner {_score(tree, winner, digits)}."
    )


def _pruned(tree: BeamTree, node: BeamNode) -> str:
    open_nodes = [other for other in tree.steps[node.step] if not other.ended]
    place = 1 + sum(other.score > node.score for other in open_nodes)
    last = min((other.score for other in open_nodes if other.state == "running"), default=node.score)
    places = f"{count(tree.num_beams)} place{'' if tree.num_beams == 1 else 's'}"
    if place <= tree.num_beams:
        return (
            f"Pruned at step {node.length}: level with the last of {places}, {number(last)}, but the search took that."
        )
    return (
        f"Pruned at step {node.length}: it was the {ordinal(place)} for {places}, "
        f"{_nats(last - node.score)} behind the last that went on ({number(node.score)} against {number(last)})."
    )


def _pruned_at_its_end(tree: BeamTree, node: BeamNode) -> str:
    counted = tree.steps[node.step][: tree.num_beams]
    place = tree.place(node)
    return (
        f"Complete at step {node.length}, but only the {ordinal(place)} of all continuations: an end counts among the "
        f"first {count(tree.num_beams)}, and it was {_nats(counted[-1].score - node.score)} behind the last of these "
        f"({number(node.score)} against {number(counted[-1].score)})."
    )


def _still_running(tree: BeamTree, node: BeamNode) -> str:
    """Return why the search ended while this hypothesis went on."""
    kept = tree.ranking()[: tree.num_beams]
    begin = f"Still running when the search ended after step {node.length}"
    if not kept:
        return f"{begin}."
    begin += ", because "
    if tree.early_stopping is True:
        return begin + f"with early stopping it ends once {count(tree.num_beams)} are finished."
    running = max((other for other in tree.steps[-1] if other.state == "running"), key=lambda other: other.score)
    length = running.length
    if tree.early_stopping == "never" and tree.length_penalty > 0 and tree.max_new_tokens:
        length = tree.max_new_tokens
    hope = running.score / length**tree.length_penalty
    return begin + (
        f"even the best of those that ran, {number(running.score)} / {length}{_power(tree.length_penalty)} = "
        f"{number(hope)}, was no better than the last of the {count(len(kept))} best that had finished, "
        f"{number(tree.penalised(kept[-1]))}."
    )


def _died_out(tree: BeamTree, node: BeamNode) -> str:
    """Return what became of the continuations of a hypothesis that went on."""
    ends = _ends(tree, node)
    if not ends:
        next_step = tree.steps[node.length]
        return (
            f"Went on at step {node.length} with {number(node.score)}, but none of its continuations was among the "
            f"{count(len(next_step))} best of step {node.length + 1}: the last of these had "
            f"{number(min(other.score for other in next_step))}."
        )
    finished = [end for end in ends if end.state == "finished"]
    if finished:
        best = max(finished, key=tree.penalised)
        return f"Its best continuation, “{_text(tree, node, best)}”: {_lower(_finished(tree, best))}"
    last = max(ends, key=lambda end: (end.step, end.score))
    return f"Its last continuation, “{_text(tree, node, last)}”: {_lower(describe_fate(tree, last.id))}"


def _ends(tree: BeamTree, node: BeamNode) -> list[BeamNode]:
    """Return the continuations of a hypothesis from which nothing goes on."""
    ends: list[BeamNode] = []
    waiting = list(tree.children.get(node.id, ()))
    while waiting:
        at = waiting.pop()
        following = tree.children.get(at.id, ())
        waiting += following
        if not following:
            ends.append(at)
    return ends


def _text(tree: BeamTree, start: BeamNode, end: BeamNode) -> str:
    """Return the last tokens between two hypotheses of a line."""
    labels = [node.label for node in tree.path(end.id)[start.length :]]
    return (("…" if len(labels) > 6 else "") + "".join(labels[-6:])).replace("\n", "⏎")


def _score(tree: BeamTree, node: BeamNode, digits: int = 2) -> str:
    penalised = number(tree.penalised(node), digits)
    return f"{number(node.score, digits)} / {node.length}{_power(tree.length_penalty)} = {penalised}"


def _digits_apart(one: float, other: float) -> int:
    """Return how many digits behind the point tell two numbers apart, at most six."""
    return next((digits for digits in range(2, 6) if round(one, digits) != round(other, digits)), 6)


def _power(length_penalty: float) -> str:
    return "" if length_penalty == 1 else f"^{length_penalty:g}".replace("-", "−")


def _nats(difference: float) -> str:
    return f"{number(difference)} nats"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def number(value: float, digits: int = 2) -> str:
    """Return a number as it is read: so many digits behind the point, or as many as show that it is not 0."""
    while digits < 6 and value != 0 and round(abs(value), digits) < 10 ** (1 - digits):
        digits += 1
    return f"{value:.{digits}f}".replace("-", "−")


def count(value: int) -> str:
    """Return a number of things as a word, where it is a small one."""
    return _WORDS[value] if value < len(_WORDS) else f"{value:,}"


def ordinal(value: int) -> str:
    """Return 1st, 2nd, 3rd, 4th and so on."""
    if value % 100 in (11, 12, 13):
        return f"{value:,}th"
    return f"{value:,}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(value % 10, 'th') }"
