"""What a training reads: a text cut into sequences, or pairs of source and target, and the loss of some of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, Int64

from playground.analysis.token_loss import check_looks_back
from playground.decoding.plan import check_context, eos_ids
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.models.reading import read_ids, read_text
from playground.records import PlaygroundError, ReadText, TextIds
from playground.records.training import MOST_TRAINED_CHARACTERS, MOST_TRAINED_TOKENS

ARROW = "=>"
MASKED_SHARE = 0.15  # of an encoder's tokens: Devlin et al. 2018, arXiv 1810.04805
_FEWEST_TOKENS = 2
_IGNORED = -100


@dataclass(frozen=True)
class Example:
    """What is read at once."""

    ids: tuple[int, ...]
    target_ids: tuple[int, ...] = ()  # of an encoder-decoder: what its decoder reads, the start token first
    fixed: tuple[bool, ...] = ()  # of an encoder: special tokens, which are never masked


def read_examples(loaded: LoadedModel, text: str | TextIds, sequence_length: int) -> tuple[Example, ...]:
    """Return a text cut into sequences of one length, the last one ending where the text ends.

    For an encoder-decoder a line each is a pair, "source => target". Raises PlaygroundError where there is nothing to
    predict, or too much, and for models that see what they predict.
    """
    if isinstance(text, str) and len(text) > MOST_TRAINED_CHARACTERS:
        raise PlaygroundError(
            f"The text has {len(text):,} characters; at most {MOST_TRAINED_CHARACTERS:,} are trained on."
        )
    if isinstance(text, str) and not text.strip():
        raise PlaygroundError("There is no text to train on: type one, or generate or analyse one above.")
    if loaded.spec.kind == "encoder-decoder":
        examples = tuple(_pair(loaded, read) for read in _read_pairs(loaded, text))
        _check_length(sum(len(one.ids) + len(one.target_ids) for one in examples))
        return examples
    read = read_ids(loaded, text) if isinstance(text, TextIds) else read_text(loaded, text)
    _check_length(len(read.tokens))
    if loaded.spec.kind == "decoder":
        with torch.no_grad():
            check_looks_back(loaded)
    elif loaded.tokenizer.mask_token_id is None:
        raise PlaygroundError(f"The tokenizer of {loaded.spec.name} has no mask token to train an encoder with.")
    elif all(token.special for token in read.tokens):
        raise PlaygroundError("The text has no token to mask: type a few words.")
    return tuple(_sequences(loaded, read, sequence_length))


def batch_of(examples: Sequence[Example], step: int, batch_size: int) -> list[Example]:
    """Return what a step reads: the next examples in order, each at most once, from the first again behind the last."""
    size = min(batch_size, len(examples))
    return [examples[(step * size + at) % len(examples)] for at in range(size)]


def loss_of(loaded: LoadedModel, examples: Sequence[Example], seed: int = 0) -> tuple[Float32[torch.Tensor, ""], int]:
    """Return the sum of the losses of all predicted tokens, in nats, and how many there are.

    seed: of an encoder's masks
    """
    if loaded.spec.kind == "encoder-decoder":  # pairs are of different lengths
        parts = [_loss_of_pair(loaded, example) for example in examples]
        return torch.stack([total for total, _ in parts]).sum(), sum(n for _, n in parts)
    inputs = model_inputs(loaded, examples[0].ids, n_copies=len(examples))
    ids = torch.tensor([example.ids for example in examples], device=loaded.model.device)  # (sequence, token)
    if loaded.spec.kind == "decoder":
        labels = F.pad(ids[:, 1:], (0, 1), value=_IGNORED)
        inputs["input_ids"] = ids
    else:
        inputs.pop("use_cache")
        masked = _masked(examples, seed).to(ids.device)
        labels = ids.masked_fill(~masked, _IGNORED)
        inputs["input_ids"] = ids.masked_fill(masked, loaded.tokenizer.mask_token_id)
    return _summed(loaded.model(**inputs).logits, labels), int((labels != _IGNORED).sum())


def working_bytes(loaded: LoadedModel, n_sequences: int, length: int) -> int:
    """Return about what a step keeps for its gradient: of each layer (Korthikanti et al. 2022) and of the logits.

    Their count of 34 s b h + 5 a s^2 b is in bytes of two to a number; here a number has four.
    """
    spec = loaded.spec
    a_layer = 68 * length * n_sequences * spec.d_model + 10 * spec.n_query_heads * length**2 * n_sequences
    return spec.n_layers * a_layer + 16 * length * n_sequences * spec.vocabulary_size


def _summed(
    logits: Float[torch.Tensor, "sequence token vocabulary"], labels: Int64[torch.Tensor, "sequence token"]
) -> Float32[torch.Tensor, ""]:
    return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), reduction="sum", ignore_index=_IGNORED)


def _loss_of_pair(loaded: LoadedModel, example: Example) -> tuple[Float32[torch.Tensor, ""], int]:
    inputs = model_inputs(loaded, example.ids, example.target_ids[:-1])
    labels = torch.tensor([example.target_ids[1:]], device=loaded.model.device)
    return _summed(loaded.model(**inputs).logits, labels), labels.numel()


def _masked(examples: Sequence[Example], seed: int) -> Bool[torch.Tensor, "sequence token"]:
    """Return which tokens are hidden: 15 % of each sequence, at least one."""
    draw = torch.Generator().manual_seed(seed)
    rows = []
    for example in examples:
        drawn = torch.rand(len(example.ids), generator=draw)
        drawn[torch.tensor(example.fixed)] = 2.0
        n_free = len(example.ids) - sum(example.fixed)
        n_hidden = min(n_free, max(1, round(MASKED_SHARE * n_free)))
        rows.append(torch.zeros(len(example.ids), dtype=torch.bool).index_fill(0, drawn.argsort()[:n_hidden], True))
    return torch.stack(rows)


def _sequences(loaded: LoadedModel, read: ReadText, sequence_length: int) -> Iterator[Example]:
    ids, fixed = [token.id for token in read.tokens], [token.special for token in read.tokens]
    length = min(sequence_length, len(ids), loaded.spec.context_length or sequence_length)
    starts = [*range(0, len(ids) - length, length), len(ids) - length]
    for start in starts:
        part = slice(start, start + length)
        if loaded.spec.kind == "decoder":
            yield Example(tuple(ids[part]))
        elif not all(fixed[part]):
            yield Example(tuple(ids[part]), fixed=tuple(fixed[part]))


def _read_pairs(loaded: LoadedModel, text: str | TextIds) -> Iterator[ReadText]:
    if isinstance(text, TextIds):
        yield read_ids(loaded, text)
        return
    for line in filter(str.strip, text.splitlines()):
        source, arrow, target = line.partition(ARROW)
        if not (arrow and source.strip() and target.strip()):
            raise PlaygroundError(
                f"{loaded.spec.name} is trained on pairs: write each in a line of its own, as “source {ARROW} target”."
            )
        yield read_text(loaded, source.strip(), target.strip())


def _pair(loaded: LoadedModel, read: ReadText) -> Example:
    if len(read.target_tokens) < _FEWEST_TOKENS:
        raise PlaygroundError(
            f"{loaded.spec.name} is trained on pairs, and this text has no target: generate one, analyse a text with "
            f"one, or type pairs as “source {ARROW} target”."
        )
    target = [token.id for token in read.target_tokens]
    ends = eos_ids(loaded)
    if ends and target[-1] not in ends:  # else it would not learn where to end
        target.append(ends[0])
    check_context(loaded, len(read.tokens), what="source")
    check_context(loaded, len(target) - 1, what="target")
    return Example(tuple(token.id for token in read.tokens), tuple(target))


def _check_length(n_tokens: int) -> None:
    if n_tokens < _FEWEST_TOKENS:
        raise PlaygroundError("A text of one token predicts nothing: type a few words.")
    if n_tokens > MOST_TRAINED_TOKENS:
        raise PlaygroundError(
            f"The text has {n_tokens:,} tokens; at most {MOST_TRAINED_TOKENS:,} are trained on: shorten it by "
            f"{n_tokens - MOST_TRAINED_TOKENS:,}."
        )
