"""Runs form a tree; going back and forth loses nothing."""

import pytest

from playground.records import Candidate, GenerationRecord, GenerationSettings, RunTree, Step, Token
from playground.records import run_tree as module


def record_of(ids, prompt="p"):
    steps = tuple(
        Step(at, Candidate(id, f"t{id}", f"t{id}", 0.5, 0.5), 1, (), 1.0, 1, Token(id, f"t{id}", f"t{id}"))
        for at, id in enumerate(ids)
    )
    text = "".join(step.token.text for step in steps)
    return GenerationRecord(
        "m", prompt, GenerationSettings(), text, (9,), tuple(ids), (Token(9, "p", "p"),), steps, "length", None, 0.1
    )


def test_a_run_knows_from_where_it_goes_on():
    tree = RunTree().grown(record_of([1, 2, 3])).grown(record_of([1, 5, 6]), parent=0)
    assert (tree.shown, tree.shown_node.parent, tree.shown_node.parts_at) == (1, 0, 1)
    tree = tree.grown(record_of([7], "q"), parent=None)
    assert [node.id for node in tree.children(None)] == [0, 2]
    assert [node.id for node in tree.children(0)] == [1]


def test_back_and_forth_among_what_was_shown():
    tree = RunTree()
    assert tree.undo() is tree.redo() is tree
    for ids in ([1], [2], [3]):
        tree = tree.grown(record_of(ids))
    back = tree.undo().undo()
    assert (back.shown, back.before, back.after) == (0, (), (2, 1))
    assert back.redo().redo() == tree
    assert back.undo() is back
    elsewhere = back.showing(2)
    assert (elsewhere.shown, elsewhere.before, elsewhere.after) == (2, (0,), ())
    assert elsewhere.showing(2) is elsewhere
    assert elsewhere.showing(17) is elsewhere


def test_a_text_that_was_given_can_be_gone_back_from():
    tree = RunTree().grown(record_of([1]))
    given = tree.hidden()
    assert given.shown_node is None
    assert given.hidden() is given
    assert given.undo().shown == 0
    assert given.undo().redo() == given.undo()  # a text that was given is no run


def test_runs_that_go_on_at_the_end_are_one_trunk():
    tree = RunTree().grown(record_of([1])).grown(record_of([1, 2]), 0).grown(record_of([1, 2, 3]), 1)
    tree = tree.grown(record_of([1, 4]), 1)  # from the middle of the trunk
    trunk = tree.trunk(tree.node(0))
    assert [node.id for node in trunk] == [0, 1, 2]
    assert [node.id for node in tree.branches(trunk)] == [3]


def test_the_oldest_leaves_go_first_and_never_what_is_shown(monkeypatch):
    monkeypatch.setattr(module, "MOST_RUNS", 3)
    tree = RunTree()
    for at in range(3):
        tree = tree.grown(record_of([at]))
    tree = tree.grown(record_of([0, 9]), parent=0)  # 0 is a parent now, so 1 goes
    assert [node.id for node in tree.nodes] == [0, 2, 3]
    assert tree.before == (0, 2)
    tree = tree.showing(2).grown(record_of([5]))
    assert [node.id for node in tree.nodes] == [0, 3, 4]
    assert tree.shown == 4


def test_steps_are_bounded_and_shared_ones_count_once(monkeypatch):
    monkeypatch.setattr(module, "MOST_STEPS", 10)
    tree = RunTree().grown(record_of(range(8))).grown(record_of(range(9)), parent=0)
    assert len(tree.nodes) == 2
    grown = tree.grown(record_of(range(20, 25)))  # 14: the second goes, then the first
    assert [node.id for node in grown.nodes] == [2]


@pytest.mark.parametrize(("one", "other", "shared"), [([], [1], 0), ([1, 2], [1, 3], 1), ([1, 2], [1, 2, 3], 2)])
def test_what_two_runs_share(one, other, shared):
    assert module.n_shared(record_of(one).steps, record_of(other).steps) == shared
