"""The tree of a beam search: against a search by hand, against transformers' own sequences and scores."""

import copy
import math
import threading

import pytest
import torch

import playground
from playground.analysis.beam_and_greedy import compare_with_greedy
from playground.decoding.run import DecodingRun
from playground.records import BeamTree, GenerationSettings, PlaygroundError, describe_fate
from tests.models.test_decoding import LENGTH, PROMPT, reference_ids

A, B, C, END = 65, 66, 67, 0
NEXT = {
    A: {A: 0.25, B: 0.35, C: 0.4},
    B: {C: 0.9, END: 0.1},
    C: {END: 0.8, A: 0.2},
    None: {A: 0.5, B: 0.4, END: 0.1},  # after anything else, which is the prompt
}


@pytest.fixture
def by_hand(tiny):
    """Make a model whose next token depends on the last one alone, with the probabilities of NEXT."""
    shared = tiny("gpt2").lm.loaded
    # A copy: where another test has sped the shared one up, no hook is asked
    lm = playground.wrap(copy.deepcopy(shared.model), shared.codec.tokenizer, "by-hand")
    table = torch.full((lm.spec.vocabulary_size, lm.spec.vocabulary_size), -math.inf)
    for last in range(len(table)):
        for id, probability in NEXT.get(last, NEXT[None]).items():
            table[last, id] = math.log(probability)

    def answer(module, args, kwargs, output):
        output.logits = table[kwargs["input_ids"]]
        return output

    handle = lm.loaded.model.register_forward_hook(answer, with_kwargs=True)
    yield lm
    handle.remove()


def test_a_search_by_hand(by_hand):
    """Two beams, three tokens: greedy takes A C END (0.16), the search finds B C END (0.288)."""
    beam = by_hand.generate(PROMPT, strategy="beam", num_beams=2, max_new_tokens=3)
    expected = [
        # ids from the first on, probability, what became of it, complete
        ((A,), 0.5, "running", False),
        ((B,), 0.4, "running", False),
        ((END,), 0.1, "pruned", True),  # an end that is not among the first two
        ((B, C), 0.36, "running", False),
        ((A, C), 0.2, "running", False),
        ((A, B), 0.175, "pruned", False),
        ((A, A), 0.125, "pruned", False),
        ((B, C, END), 0.288, "finished", True),
        ((A, C, END), 0.16, "finished", True),
        ((B, C, A), 0.072, "pruned", True),
        ((A, C, A), 0.04, "pruned", True),
    ]
    tree = beam.beam_tree
    found = [
        (tuple(at.token_id for at in tree.path(node.id)), math.exp(node.score), node.state, node.ended)
        for node in tree.nodes
    ]
    assert [(ids, state, ended) for ids, _, state, ended in found] == [
        (ids, state, ended) for ids, _, state, ended in expected
    ]
    assert [p for _, p, _, _ in found] == pytest.approx([p for _, p, _, _ in expected], rel=1e-5)
    assert beam.token_ids == (B, C, END)
    assert tree.sequence_score == pytest.approx(math.log(0.288) / 3, rel=1e-5)
    assert [node.id for node in tree.best_path] == [1, 3, 7]

    greedy = by_hand.generate(PROMPT, strategy="greedy", max_new_tokens=3)
    assert greedy.token_ids == (A, C, END)
    compared = compare_with_greedy(beam, greedy)
    assert compared.beam_log_probability == pytest.approx(math.log(0.288), rel=1e-5)
    assert compared.greedy_log_probability == pytest.approx(math.log(0.16), rel=1e-5)
    assert (compared.parts_at, compared.last_node) == (0, 8)
    with pytest.raises(PlaygroundError, match="choose Beam search"):
        compare_with_greedy(greedy, beam)


def test_why_each_died_by_hand(by_hand):
    tree = by_hand.generate(PROMPT, strategy="beam", num_beams=2, max_new_tokens=3).beam_tree
    assert describe_fate(tree, 1) == (
        "On the winner's path, though at step 1 it was only the 2nd, 0.22 nats behind the best: what follows makes up "
        "for it."  # ln 0.5 - ln 0.4
    )
    assert describe_fate(tree, 2) == (
        "Complete at step 1, but only the 3rd of all continuations: an end counts among the first two, and it was "
        "1.39 nats behind the last of these (−2.30 against −0.92)."
    )
    assert describe_fate(tree, 5) == (
        "Pruned at step 2: it was the 3rd for two places, 0.13 nats behind the last that went on (−1.74 against −1.61)."
    )
    assert describe_fate(tree, 7) == "The winner: −1.24 / 3 = −0.41. The second has −0.61."
    assert describe_fate(tree, 8) == "Finished, as the 2nd of two: −1.83 / 3 = −0.61; the winner −1.24 / 3 = −0.41."
    assert describe_fate(tree, 4).startswith("Its best continuation, “<|end|>”: finished, as the 2nd of two")


@pytest.mark.parametrize("family", ["gpt2", "llama", "bart", "t5"])
@pytest.mark.parametrize(
    ("num_beams", "length_penalty", "early_stopping"),
    [(2, 1.0, False), (3, 0.0, True), (4, 2.0, False), (5, -1.0, True), (3, 0.6, False)],
)
def test_all_sequences_and_scores_are_those_of_transformers(ends, family, num_beams, length_penalty, early_stopping):
    options = {"num_beams": num_beams, "length_penalty": length_penalty, "early_stopping": early_stopping}
    tree = ends.lm.generate(PROMPT, strategy="beam", max_new_tokens=LENGTH, **options).beam_tree
    _, output = reference_ids(ends, num_return_sequences=num_beams, **options)
    n_given = 1 if ends.lm.spec.kind == "encoder-decoder" else len(ends.lm.tokenize(PROMPT))
    best = tree.ranking()[:num_beams]
    assert [tree.penalised(node) for node in best] == pytest.approx(output.sequences_scores[: len(best)].tolist())
    for node, sequence in zip(best, output.sequences[:, n_given:].tolist(), strict=False):
        assert [at.token_id for at in tree.path(node.id)] == sequence[: node.length]
    assert best[0] is tree.winner
    assert all(describe_fate(tree, node.id) for node in tree.nodes)


def test_a_search_that_is_stopped_has_finished_there(tiny):
    cancel = threading.Event()
    run = DecodingRun(
        tiny("gpt2").lm.loaded, PROMPT, GenerationSettings(strategy="beam", num_beams=3, max_new_tokens=40), cancel
    )
    emit, events = run._emit, []

    def count(event):
        events.append(event)
        if len(events) == 3:
            cancel.set()
        emit(event)

    run._emit = count
    tree = run.complete().beam_tree
    assert tree.winner.state == "finished"
    assert {node.state for node in tree.steps[-1]} == {"finished", "pruned"}
    assert tree.ranking()[0] is tree.winner


def test_a_search_that_never_began_has_an_empty_tree():
    tree = BeamTree((), 2, 1.0)
    assert (tree.winner, tree.steps, tree.ranking(), tree.best_path) == (None, (), (), ())
