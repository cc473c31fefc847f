"""The tree of a visitor's runs, as JSON for the list of the page, and in a sentence."""

import json
import math
from dataclasses import dataclass

from playground.records import GenerationRecord, RunNode, RunTree
from playground.records.run_tree import n_shared
from playground.records.sizes import say_count
from playground.views.labels import plain_label

_EXCERPT = 70  # characters of a text


@dataclass(frozen=True)
class _Line:
    """A run with its beginnings, which stand in one line with it."""

    trunk: tuple[RunNode, ...]
    depth: int
    beside: GenerationRecord | None  # the longest of the runs that it parts from

    @property
    def record(self) -> GenerationRecord:
        return self.trunk[-1].record


def runs_json(tree: RunTree) -> str:
    """Return the runs in the order of the tree: [{id, depth, text, note, shown}], texts not escaped.

    A run that another one went on from, at its end, stands in one line with that one.
    """
    lines = [
        {
            "id": line.trunk[-1].id,
            "depth": line.depth,
            "text": _describe(line),
            "note": _note(line.record),
            "shown": tree.shown in [node.id for node in line.trunk],
        }
        for line in _lines_of(tree)
    ]
    return json.dumps(lines, ensure_ascii=False)


def describe_shown(tree: RunTree) -> str:
    """Return which of the runs is shown, in words; not escaped."""
    lines = _lines_of(tree)
    for place, line in enumerate(lines, start=1):
        if tree.shown not in [node.id for node in line.trunk]:
            continue
        node = tree.node(tree.shown)
        missing = len(line.record.steps) - len(node.record.steps) if node else 0
        part = f", up to its token {len(line.record.steps) - missing}" if missing else ""
        return f"Run {place} of {len(lines)}{part}{'' if line.beside is None else f': {_describe(line)}'}"
    return "This text was given, not generated." if lines else "Each text that you generate is kept here."


def _lines_of(tree: RunTree) -> list[_Line]:
    lines: list[_Line] = []
    waiting = [_Line(tree.trunk(node), 0, None) for node in reversed(tree.children(None))]
    while waiting:
        line = waiting.pop()
        lines.append(line)
        branches = reversed(tree.branches(line.trunk))
        waiting += [_Line(tree.trunk(node), line.depth + 1, line.record) for node in branches]
    return lines


def _describe(line: _Line) -> str:
    """Return what is special about a run: how its text begins, or where it parts from the one that it goes on from."""
    record = line.record
    at = 0 if line.beside is None else n_shared(line.beside.steps, record.steps)
    if line.beside is None or at >= min(len(record.steps), len(line.beside.steps)):
        return f"{_tail(record.prompt)}▸{_head(record.text)}"
    rest = "".join(step.token.text for step in record.steps[at + 1 :])
    own, theirs = plain_label(record.steps[at].token), plain_label(line.beside.steps[at].token)
    return f"token {at + 1}: “{own}” in place of “{theirs}”, then “{_head(rest)}”"


def _note(record: GenerationRecord) -> str:
    if not record.steps:
        return "no token"
    bits = -sum(step.log_probability for step in record.steps) / len(record.steps) / math.log(2)
    return f"{say_count(len(record.steps), 'token')}, {bits:.2f} bits each"


def _head(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"


def _tail(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"…{text[1 - _EXCERPT :]}"
