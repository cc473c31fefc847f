"""The data of the tree and of its list, and the sentences on greedy decoding; nothing of a token is read as markup."""

import json
import math

import pytest

from playground.analysis.beam_and_greedy import compare_with_greedy
from playground.records import BeamNode, BeamTree, Candidate, GenerationRecord, GenerationSettings, Step, Token
from playground.views.beam_tree import (
    MOST_RANKED,
    beam_tree_json,
    describe_tree,
    greedy_html,
    node_sentence,
    ranking_json,
    verdict,
)

EVIL = "<img src=x onerror=alert(1)>"
NODES = (
    BeamNode(0, None, 0, 5, EVIL, -0.5, -0.5, "running", True),
    BeamNode(1, None, 0, 6, " b", -1.0, -1.0, "pruned", False),
    BeamNode(2, 0, 1, 7, "\n", -0.25, -0.75, "finished", True, True),
)
TREE = BeamTree(NODES, 1, 0.5)


def record(ids, probabilities, strategy="greedy", tree=None, label="x"):
    steps = tuple(
        Step(
            at, Candidate(id, label, label, p, p), 1 if p > 0.4 else 2, (), 1.0, 1, Token(id, label, label)
        )
        for at, (id, p) in enumerate(zip(ids, probabilities, strict=True))
    )  # fmt: skip
    return GenerationRecord(
        "m", "p", GenerationSettings(strategy=strategy), label * len(ids), (1,), tuple(ids), (Token(1, "p", "p"),),
        steps, "length", tree, 0.1,
    )  # fmt: skip


def test_the_tree_as_data():
    data = json.loads(beam_tree_json(TREE, " time"))
    assert data["nodes"] == [
        [-1, 0, "<img·src=x…", -0.5, -0.5, 0, 1],
        [-1, 0, "·b", -1.0, -1.0, 1, 0],
        [0, 1, "⏎", -0.25, -0.75, 2, 1],
    ]
    assert (data["numBeams"], data["lengthPenalty"], data["prompt"]) == (1, 0.5, "·time")
    assert "<" not in beam_tree_json(TREE)


def test_the_list_keeps_all_digits():
    score = -1.234567890123456
    nodes = tuple(BeamNode(id, None, 0, id, "x", score, score, "finished", id == 0, True) for id in range(300))
    data = json.loads(ranking_json(BeamTree(nodes, 2, 1.0)))
    assert len(data["rows"]) == MOST_RANKED
    assert data["rows"][0] == [0, 1, score, "x"]
    assert data["winner"] == 0
    assert json.loads(ranking_json(TREE))["rows"] == [[2, 2, -0.75, EVIL + "⏎"]]


def test_sentences_are_escaped():
    for said in (node_sentence(TREE, 0), node_sentence(TREE, 2), describe_tree(TREE)):
        assert "<img" not in said
    assert "The lit path won with −0.75 / 2<sup>0.5</sup> = −0.53" in describe_tree(TREE)
    assert "before its first step" in describe_tree(BeamTree((), 2, 1.0))
    found = compare_with_greedy(record([5, 7], [0.5, 0.5], "beam", TREE, EVIL), record([6], [0.5], label=EVIL))
    assert "<img" not in greedy_html(found)


@pytest.mark.parametrize(
    ("beam", "greedy", "said"),
    [
        (
            ([5, 7], [0.3, 0.9]),
            ([6, 8], [0.5, 0.2]),
            "found what greedy cannot: at step 1 it took “x” (30.0 %, the 2nd",
        ),
        (([5, 7], [0.5, 0.5]), ([5, 7], [0.5, 0.5]), "did not find anything better than greedy's text"),
        (([5, 7], [0.3, 0.3]), ([6, 8], [0.5, 0.9]), "did not find what greedy did: at step 1"),
        (([5, 7], [0.5, 0.9]), ([5], [0.5]), "at step 2 greedy was at its end, the other went on"),
    ],
)
def test_the_verdict_follows_from_the_numbers(beam, greedy, said):
    found = compare_with_greedy(record(*beam, "beam", TREE), record(*greedy))
    assert said in verdict(found)
    assert found.beam_log_probability == pytest.approx(sum(map(math.log, beam[1])))
    assert found.greedy_score == pytest.approx(sum(map(math.log, greedy[1])) / len(greedy[1]))
