"""Ranking by another length penalty, places and paths, on trees of any shape; sentences for every node."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.records import BeamNode, BeamTree, describe_fate
from playground.records.beam_fates import count, number, ordinal

SCORES = st.floats(-40.0, -0.01, allow_nan=False)


@st.composite
def searches(draw):
    """What a search may leave: rows of (parent, step, score, state, ended), and a length penalty.

    At most two run on; any of the others has finished or was pruned.
    """
    rows, running, scores = [], [None], {None: 0.0}
    n_steps = draw(st.integers(1, 6))
    for step in range(n_steps):
        found = []
        for parent in running:
            found += [(scores[parent] + draw(SCORES), parent) for _ in range(draw(st.integers(1, 3)))]
        found.sort(key=lambda pair: -pair[0])
        running = []
        for place, (score, parent) in enumerate(found[:4]):
            ended = step == n_steps - 1 or draw(st.booleans())
            state = "pruned"
            if ended and place < 2:
                state = "finished"
            elif not ended and len(running) < 2:
                state = "running"
                running.append(len(rows))
            scores[len(rows)] = score
            rows.append((parent, step, score, state, ended))
        if not running:
            break
    return rows, draw(st.floats(-2, 3))


def tree_of(search):
    """Build the tree; not in the strategy, where what checks annotations must not draw at random."""
    rows, penalty = search

    def build(path):
        nodes = [
            BeamNode(
                id, parent, step, id, f"t{id}", score - (0.0 if parent is None else rows[parent][2]), score, state,
                id in path, ended,
            )
            for id, (parent, step, score, state, ended) in enumerate(rows)
        ]  # fmt: skip
        return BeamTree(tuple(nodes), 2, penalty)

    tree = build(())
    return build({node.id for node in tree.path(tree.ranking()[0].id)})


@given(searches(), st.floats(-3, 4))
def test_ranking_is_by_score_over_length_to_the_penalty(search, penalty):
    tree = tree_of(search)
    ranked = tree.ranking(penalty)
    values = [node.score / (node.step + 1) ** penalty for node in ranked]
    assert values == sorted(values, reverse=True)
    assert {node.id for node in ranked} == {node.id for node in tree.nodes if node.state == "finished"}
    assert tree.ranking()[0] is tree.winner
    assert tree.sequence_score == max(tree.penalised(node) for node in ranked)


@given(searches())
def test_a_penalty_of_nothing_ranks_by_the_score_and_a_larger_one_favours_length(search):
    tree = tree_of(search)
    assert [n.score for n in tree.ranking(0.0)] == sorted((n.score for n in tree.ranking()), reverse=True)
    lengths = [tree.ranking(penalty)[0].length for penalty in (-200.0, 0.0, 200.0)]
    assert lengths == sorted(lengths)


@given(searches())
def test_every_hypothesis_has_a_path_a_place_and_a_sentence(search):
    tree = tree_of(search)
    for node in tree.nodes:
        path = tree.path(node.id)
        assert len(path) == node.length
        assert path[-1] is node
        assert math.isclose(sum(at.log_probability for at in path), node.score, abs_tol=1e-9)
        assert 1 <= tree.place(node) <= len(tree.steps[node.step])
        sentence = describe_fate(tree, node.id)
        assert sentence.endswith(".")
        assert ("inner" in sentence) or not node.in_best


@pytest.mark.parametrize(
    ("early_stopping", "penalty", "sentence"),
    [
        (True, 1.0, "with early stopping it ends once two are finished."),
        (
            False,
            1.0,
            "even the best of those that ran, −3.00 / 2 = −1.50, was no better than the last of the two best that had "
            "finished, −1.25.",
        ),
        ("never", 0.5, "even the best of those that ran, −3.00 / 100^0.5 = −0.30, was no better than"),
    ],
)
def test_why_a_hypothesis_was_still_running(early_stopping, penalty, sentence):
    nodes = (
        BeamNode(0, None, 0, 1, "a", -1.0, -1.0, "finished", True, True),
        BeamNode(1, None, 0, 2, "b", -1.1, -1.1, "running", False),
        BeamNode(2, 1, 1, 3, "c", -1.4, -2.5, "finished", False, True),
        BeamNode(3, 1, 1, 4, "d", -1.9, -3.0, "running", False),
    )
    fate = describe_fate(BeamTree(nodes, 2, penalty, early_stopping, 100), 3)
    assert fate.startswith("Still running when the search ended after step 2, because ")
    assert sentence in fate


def test_equal_scores_keep_the_order_of_the_search():
    nodes = tuple(BeamNode(id, None, 0, id, "x", -1.0, -1.0, "finished", id == 0, True) for id in range(3))
    assert [node.id for node in BeamTree(nodes, 3, 1.0).ranking()] == [0, 1, 2]


def test_two_scores_that_round_alike_are_told_apart():
    nodes = (
        BeamNode(0, None, 0, 1, "a", -1.2341, -1.2341, "finished", True, True),
        BeamNode(1, None, 0, 2, "b", -1.2349, -1.2349, "finished", False, True),
    )
    assert describe_fate(BeamTree(nodes, 2, 1.0), 1) == (
        "Finished, as the 2nd of two: −1.235 / 1 = −1.235; the winner −1.234 / 1 = −1.234."
    )


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.00"), (-1.005, "−1.00"), (0.018, "0.018"), (0.00042, "0.00042"), (12.345, "12.35")]
)
def test_numbers_show_that_they_are_not_zero(value, text):
    assert number(value) == text


def test_counts_and_places_in_words():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
    ]  # fmt: skip
    assert [count(n) for n in (1, 10, 11, 2000)] == ["one", "ten", "11", "2,000"]
