"""Train the `fill-in` model from scratch: python train.py --corpus FOLDER

A byte-level BPE tokenizer and a model of transformers' own BERT classes, which learns to predict masked words (masked
language modelling, Devlin et al. 2019). Runs on CUDA where there is one, else on the CPU; checkpoints every few minutes
and resumes from them. Batch number n holds the same tokens and the same masks whenever it is drawn.
"""

import math
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from masking import CLS, MASK, OTHER_MARKS, PAD, SEP, UNKNOWN, choose_words, number_words, word_parts, word_starts
from tokenizers import AddedToken, processors
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from corpus import Split, TokenStream, encode_chapters, read_books, split_chapters, train_byte_pairs
from gradients import Gradients, keep_freed_memory, multiplies_bfloat16
from muon import Muon
from training import Checkpoint, Trained, finish, kept_tokenizer, read_recipe, run_steps, steps_of, trapezoids

HERE = Path(__file__).parent
MEASURED_SHARE = 0.15  # of the words of a held-out text that are masked at once, as in BERT's own training
LENGTHS = {1: 0.7, 2: 0.15, 4: 0.1, 8: 0.05}  # how often a batch has rows of the whole context, of a half of it, …


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the model becomes."""

    seed: int = 20
    vocabulary_size: int = 8192
    context: int = 256
    layers: int = 6
    heads: int = 4
    width: int = 256
    steps: int = 12800
    second_at: int = 6400  # the learning rate begins anew
    second_rate: float = 0.45  # how high it rises then, of what it was at first
    third_at: int = 9000  # once more
    third_rate: float = 0.5
    batch: int = 32  # sequences of `context` tokens a step
    muon_learning_rate: float = 6e-3
    adam_learning_rate: float = 3e-3
    weight_decay: float = 0.1
    warmup_steps: int = 100
    decay_part: float = 0.45  # the last part of the first run of steps, in which the learning rate falls to nothing
    masked_share: float = 0.3  # of the words; more than is measured, since each mask is something to learn from
    second_masked_share: float = 0.2  # from second_at on
    pair_chance: float = 0.25  # rows that hold two passages, so that the second segment is known


def learning_rate_factor(step: int, recipe: Recipe) -> float:
    """Warm up linearly, stay, then fall linearly to zero (Hägele et al. 2024); then twice rise and fall at once."""
    ends = [min(end, recipe.steps) for end in (recipe.second_at, recipe.third_at, recipe.steps)]
    rates = (1.0, recipe.second_rate, recipe.third_rate)
    return trapezoids(step, ends, rates, recipe.warmup_steps, (recipe.decay_part, 1.0, 1.0))


def build_tokenizer(split: Split, recipe: Recipe) -> PreTrainedTokenizerFast:
    """Train byte-level byte pairs, and put BERT's marks around a text, or around both of a pair."""
    mask = AddedToken(MASK, lstrip=True, special=True)  # the space before a word is the word's
    pairs = train_byte_pairs([text for text, _ in split.train], recipe.vocabulary_size, [*OTHER_MARKS, mask])
    ends = [(mark, pairs.token_to_id(mark)) for mark in (CLS, SEP)]
    pairs.post_processor = processors.TemplateProcessing(
        single=f"{CLS}:0 $A:0 {SEP}:0", pair=f"{CLS}:0 $A:0 {SEP}:0 $B:1 {SEP}:1", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=pairs,
        pad_token=PAD,
        unk_token=UNKNOWN,
        cls_token=CLS,
        sep_token=SEP,
        mask_token=mask,
        model_max_length=recipe.context,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def build_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> BertForMaskedLM:
    """Build the untrained model; no dropout, since the corpus is seen only a few times."""
    torch.manual_seed(recipe.seed)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=recipe.context,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            hidden_size=recipe.width,
            intermediate_size=4 * recipe.width,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            hidden_act="gelu",
            pad_token_id=tokenizer.pad_token_id,
            attn_implementation="eager",  # on a CPU a seventh faster than sdpa, whose backward pass is slow there
        )
    )
    show_neighbours(model, recipe)
    return model


# Layer and head, and where it begins to look: so many tokens further on.
NEIGHBOURS = {(layer, head): shift for layer in (0, 1) for head, shift in enumerate((-1, 1, -2, 2))}
POSITION_SIZE = 1.5  # of the positions' vectors, of that of the words'
SHARPNESS = 1.5  # how far queries and keys are scaled, for these heads to look at one token mostly


@torch.no_grad()
def show_neighbours(model: BertForMaskedLM, recipe: Recipe) -> None:
    """Begin with positions that tell how far apart two tokens are, and a few heads that look at a neighbour.

    Positions are sinusoids at first (Vaswani et al. 2017), half as large again as words, and a head's queries
    those of its keys turned by its shift. Left to chance, no head looks at a neighbour for millions of tokens, and
    until one does the model knows no more than how frequent a word is: the same run without this had a loss of 6.69
    nats after 336 steps. All of it is trained on like everything else.
    """
    half = recipe.width // 2
    frequencies = math.pi * 400.0 ** -(torch.arange(half) / half)  # radians a token
    angles = torch.arange(recipe.context)[:, None] * frequencies
    size = POSITION_SIZE * model.config.initializer_range * 2**0.5
    model.bert.embeddings.position_embeddings.weight.copy_(size * torch.cat([angles.sin(), angles.cos()], 1))
    d_head = recipe.width // recipe.heads
    chosen = torch.linspace(1, 0.4 * half, d_head // 2).round().long()  # those that tell neighbours apart
    for (layer, head), shift in NEIGHBOURS.items():
        attention = model.bert.encoder.layer[layer].attention.self
        rows = torch.arange(head * d_head, (head + 1) * d_head).reshape(2, -1)
        turn = frequencies[chosen] * shift
        for projection, sine, cosine in (
            (attention.key, torch.zeros(len(chosen)), torch.ones(len(chosen))),
            (attention.query, turn.sin(), turn.cos()),
        ):
            weight = projection.weight
            weight[rows.flatten()] = 0
            # sin(a + t) = sin a cos t + cos a sin t;  cos(a + t) = cos a cos t - sin a sin t
            weight[rows[0], chosen], weight[rows[0], half + chosen] = SHARPNESS * cosine, SHARPNESS * sine
            weight[rows[1], half + chosen], weight[rows[1], chosen] = SHARPNESS * cosine, -SHARPNESS * sine


def build_optimizers(model: BertForMaskedLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the layers, AdamW for embeddings, head, biases and norms."""
    inner = [p for p in model.bert.encoder.parameters() if p.ndim == 2]
    ours = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in ours]
    return [
        Muon(inner, lr=recipe.muon_learning_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(rest, lr=recipe.adam_learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


class Masker:
    """Draws batches: passages of the corpus, in which whole words are masked."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, stream: TokenStream, recipe: Recipe) -> None:
        self.stream = stream
        self.recipe = recipe
        self.starts, self.parts = word_starts(tokenizer), word_parts(tokenizer)
        self.cls, self.sep, self.mask_id = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return inputs, segments (0 or 1) and labels, int64 [row, token]; label -100 is not learned.

        All rows of a batch have one length, which differs from batch to batch, so that short texts are known too.
        """
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        length = int(rng.choice([recipe.context // part for part in LENGTHS], p=list(LENGTHS.values())))
        share = recipe.masked_share if step < recipe.second_at else recipe.second_masked_share
        rows = [self.draw_row(length, share, rng) for _ in range(recipe.batch * recipe.context // length)]
        return tuple(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))

    def draw_row(
        self, length: int, share: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return input, segments and labels of one row, each int64 [length]; `share` of the words are masked."""
        sizes = [length - 2]
        if rng.random() < self.recipe.pair_chance:
            first = int(rng.integers(4, length - 6))
            sizes = [first, length - 3 - first]
        read, labels = [np.array([self.cls])], [np.array([-100])]
        for size in sizes:
            ids = self.passage(size, rng)
            masked, label = self.mask(ids, share, rng)
            read += [masked, [self.sep]]
            labels += [label, [-100]]
        segments = np.repeat([0, 1], [sizes[0] + 2, length - sizes[0] - 2])
        return np.concatenate(read), segments, np.concatenate(labels)

    def passage(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return tokens from any place of the corpus, int64 [size]; half of the time from the start of a paragraph."""
        begin = int(rng.integers(len(self.stream.ids) - size))
        if rng.random() < 0.5:
            starts = self.stream.paragraph_starts
            begin = int(starts[max(0, np.searchsorted(starts, begin, side="right") - 1)])
        return self.stream.ids[begin : begin + size].astype(np.int64)

    def mask(self, ids: np.ndarray, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return a text with whole words masked, and the labels, each int64 [token]."""
        hidden = choose_words(number_words(ids, self.starts, self.parts), share, rng)
        return np.where(hidden, self.mask_id, ids), np.where(hidden, ids, -100)


def summed_loss(
    model: BertForMaskedLM, inputs: torch.Tensor, segments: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sum of the cross-entropy in nats over the labels that are not -100, and 0: nothing else counts."""
    learned = labels != -100
    device_type = inputs.device.type
    with torch.autocast(device_type, torch.bfloat16, enabled=multiplies_bfloat16(device_type)):
        hidden = model.bert(input_ids=inputs, token_type_ids=segments).last_hidden_state
        logits = model.cls(hidden[learned])
    nats = F.cross_entropy(logits.float(), labels[learned], reduction="sum")
    return nats, nats.new_zeros(())


@torch.no_grad()
def count_right(
    model: BertForMaskedLM, tokenizer: PreTrainedTokenizerFast, masker: Masker, chapters: tuple[str, ...], seed: int = 1
) -> dict[str, tuple[int, int]]:
    """Return of words, of their tokens, and of words of one token only, how many were predicted right, and of how many.

    Each chapter is read in windows of the full context, in which MEASURED_SHARE of the words are masked. A word is
    right where the most likely token at each of its masks is its own.
    """
    model.eval()
    rng = np.random.default_rng(seed)
    length = masker.recipe.context - 2
    found = {"words": [0, 0], "tokens": [0, 0], "words of one token": [0, 0]}
    for chapter in chapters:
        ids = np.asarray(tokenizer(chapter, add_special_tokens=False)["input_ids"])
        for begin in range(0, len(ids), length):
            window = ids[begin : begin + length]
            read, labels = masker.mask(window, MEASURED_SHARE, rng)
            row = torch.tensor([[masker.cls, *read, masker.sep]], device=model.device)
            guesses = model(input_ids=row).logits[0, 1:-1].argmax(-1).cpu().numpy()
            hidden = labels != -100
            right = (guesses == labels) & hidden
            numbers = number_words(window, masker.starts, masker.parts)
            sizes = np.bincount(numbers[hidden], minlength=numbers.max(initial=-1) + 1)
            hits = np.bincount(numbers[hidden], weights=right[hidden], minlength=len(sizes))
            for name, of in (("words", sizes > 0), ("words of one token", sizes == 1)):
                found[name][0] += int((hits == sizes)[of].sum())
                found[name][1] += int(of.sum())
            found["tokens"][0] += int(right.sum())
            found["tokens"][1] += int(hidden.sum())
    model.train()
    return {name: (right, of) for name, (right, of) in found.items()}


def train(recipe: Recipe, corpus: Path, folder: Path) -> None:
    """Train, or go on from the checkpoint in `folder`, and write the finished model there."""
    split = split_chapters(read_books(corpus))
    checkpoint = Checkpoint(folder)
    tokenizer = kept_tokenizer(folder / "tokenizer", lambda: build_tokenizer(split, recipe))
    stream = encode_chapters(tokenizer, split.train)
    masker = Masker(tokenizer, stream, recipe)
    print(f"{len(stream.ids):,} training tokens, {len(split.held_out)} held-out chapters")

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build_model(recipe, tokenizer).to(device)
    trained = Trained(model, build_optimizers(model, recipe))
    gradients = Gradients(model.parameters(), 1 if device.type == "cuda" else 4)

    def gradient(step: int) -> float:
        batch = [part.to(device) for part in masker.draw(step)]
        return gradients(partial(summed_loss, model), batch, n_learned=(batch[2] != -100).sum().item())

    def measure() -> tuple[str, float, str]:
        right, of = count_right(model, tokenizer, masker, split.held_out[::8])["words"]
        return "held_out_right", right / of, f"{right / of:.4f} of the masked words right"

    steps = steps_of(recipe, gradient, measure, 300, factor=partial(learning_rate_factor, recipe=recipe))
    run = run_steps(trained, steps, checkpoint, checkpoint.load())
    if run is not None:
        finish(folder, model, tokenizer, recipe, run)


def main() -> None:
    recipe, folders = read_recipe(Recipe, __doc__, HERE)
    keep_freed_memory()
    train(recipe, **folders)


if __name__ == "__main__":
    main()
