"""Runs in words: where each parts from the one that it goes on from."""

import json

from playground.records import RunTree
from playground.views.run_tree import describe_shown, runs_json
from tests.unit.records.test_run_tree import record_of


def test_each_run_says_where_it_parts():
    tree = RunTree().grown(record_of([1, 2, 3], "<b>")).grown(record_of([1, 5, 6], "<b>"), parent=0)
    first, second = json.loads(runs_json(tree))
    assert first == {"id": 0, "depth": 0, "text": "<b>▸t1t2t3", "note": "3 tokens, 1.00 bits each", "shown": False}
    assert second["text"] == "token 2: “t5” in place of “t2”, then “t6”"
    assert (second["depth"], second["shown"]) == (1, True)
    assert describe_shown(tree) == "Run 2 of 2: token 2: “t5” in place of “t2”, then “t6”"


def test_what_was_only_gone_on_from_stands_in_one_line():
    tree = RunTree().grown(record_of([1])).grown(record_of([1, 2]), 0).grown(record_of([4, 2]), 0)
    lines = json.loads(runs_json(tree))
    assert [(line["id"], line["depth"]) for line in lines] == [(1, 0), (2, 1)]
    assert describe_shown(tree.undo().undo()) == "Run 1 of 2, up to its token 1"
    assert json.loads(runs_json(tree.undo().undo()))[0]["shown"]


def test_there_may_be_no_run():
    assert json.loads(runs_json(RunTree())) == []
    assert describe_shown(RunTree()) == "Each text that you generate is kept here."
    assert describe_shown(RunTree().grown(record_of([])).hidden()) == "This text was given, not generated."
    assert json.loads(runs_json(RunTree().grown(record_of([]))))[0]["note"] == "no token"


def test_long_texts_are_cut():
    tree = RunTree().grown(record_of(range(100, 300), "p" * 500))
    assert len(json.loads(runs_json(tree))[0]["text"]) == 2 * 70 + 1
