"""Train the `stories` model from scratch: python train.py --corpus FOLDER

A byte-level BPE tokenizer and a GPT-2-architecture model of transformers' own classes. Runs on CUDA where
there is one, else on the CPU; checkpoints every few minutes and resumes from them. The run is a function of
its arguments: batch number n holds the same tokens whenever it is drawn.
"""

import copy
import math
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_model, save_model
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from corpus import Split, TokenStream, encode_chapters, read_books, split_chapters, train_tokenizer
from gradients import Gradients, keep_freed_memory, multiplies_bfloat16
from muon import Muon
from scenes import OPENING, find_names, find_scenes
from training import Checkpoint, Trained, finish, kept_tokenizer, read_recipe, run_steps, steps_of, trapezoids

HERE = Path(__file__).parent
THIRD = "third.safetensors"  # the weights before the fourth run, in the folder of the checkpoint


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the model becomes."""

    seed: int = 20
    vocabulary_size: int = 4096
    context: int = 512
    layers: int = 6
    grown_layers: int = 10  # how many there are from step grown_at on
    grown_at: int = 3500  # new layers are put between the old ones, and the learning rate begins anew
    grown_rate: float = 0.6  # how high it rises then, of what it was at first
    third_at: int = 4600  # the learning rate begins once more
    third_rate: float = 0.6
    half_chance: float = 0.5  # batches from then on whose sequences are half as long, and twice as many: less attention
    heads: int = 8
    width: int = 256
    steps: int = 7200
    batch: int = 16  # sequences of `context` tokens a step
    muon_learning_rate: float = 7e-3
    adam_learning_rate: float = 4e-3
    weight_decay: float = 0.1
    warmup_steps: int = 100
    decay_part: float = 0.4  # the last part of the first two runs of steps, in which the learning rate falls to nothing
    third_decay_part: float = 0.8
    fourth_at: int = 6200  # and once more, now with more of the simplest authors, and with their scenes
    fourth_rate: float = 0.4
    simple_weight: float = 2.0  # how much oftener the simplest authors are drawn from then on than before
    scene_chance: float = 0.2  # sequences from then on that are a scene of these authors after "Once upon a time"
    repeat_chance: float = 0.12  # sequences with a repeated passage: they reward induction heads
    kept_part: float = 0.15  # of the weights before the fourth run, in the mean that the finished weights are
    fourth_repeat_chance: float = 0.04  # from then on, and of random tokens only
    guided_from: int = 1062  # steps in which two heads are shown where to look, see guidance_loss
    guided_to: int = 1600


def learning_rate_factor(step: int, recipe: Recipe) -> float:
    """Warm up linearly, stay, then fall linearly to zero (Hägele et al. 2024); twice more after the model has grown."""
    ends = [min(end, recipe.steps) for end in (recipe.grown_at, recipe.third_at, recipe.fourth_at, recipe.steps)]
    rates = (1.0, recipe.grown_rate, recipe.third_rate, recipe.fourth_rate)
    decay_parts = (recipe.decay_part, recipe.decay_part, recipe.third_decay_part, recipe.third_decay_part)
    return trapezoids(step, ends, rates, recipe.warmup_steps, decay_parts)


def encode_scenes(tokenizer: PreTrainedTokenizerFast, split: Split, recipe: Recipe) -> np.ndarray:
    """Return scenes of the simplest authors after "Once upon a time", int64 [scene, token]."""
    length = recipe.context + 1
    simple = [chapter for chapter, weight in split.train if weight > 1]
    scenes = find_scenes(simple, find_names(simple), 5 * length)  # characters enough: a token has some 4
    encoded = tokenizer([f"{OPENING} {scene}" for scene in scenes], add_special_tokens=False)["input_ids"]
    return np.array([ids[:length] for ids in encoded if len(ids) >= length], dtype=np.int64)


def draw_batch(
    stream: TokenStream, scenes: np.ndarray, step: int, recipe: Recipe
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return inputs and labels, int64 [row, token], and periods, int64 [row]; label -100 is not learned.

    A sequence starts at a paragraph. A few hold a passage twice, half of them of random tokens, of which
    only the second copy is learned: nothing but looking back at the first predicts it. A row's period is the
    length of what such a row of random tokens repeats, 0 for any other row.
    """
    rng = np.random.default_rng([recipe.seed, step])
    parts = 2 if step >= recipe.third_at and rng.random() < recipe.half_chance else 1
    length = recipe.context // parts + 1
    rows = stream.draw(recipe.batch * parts, length, rng)
    is_fourth = step >= recipe.fourth_at
    if is_fourth:
        for number in np.flatnonzero(rng.random(len(rows)) < recipe.scene_chance):
            rows[number] = rng.choice(scenes)[:length]
    repeat_chance = recipe.fourth_repeat_chance if is_fourth else recipe.repeat_chance
    labels = rows.copy()
    periods = np.zeros(len(rows), np.int64)
    for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
        if rng.random() >= repeat_chance:
            continue
        if is_fourth or rng.random() < 0.5:
            size = int(rng.integers(16, 129))
            row[:] = np.resize(rng.integers(1, recipe.vocabulary_size, size=size), length)
            label[:] = row
            label[:size] = -100
            periods[number] = size
        else:
            size = int(rng.integers(24, min(161, length // 2)))
            again = int(rng.integers(size, length - size))
            row[again : again + size] = row[:size].copy()
            label[:] = row
    return torch.from_numpy(rows[:, :-1]), torch.from_numpy(labels[:, 1:]), torch.from_numpy(periods)


def build_model(recipe: Recipe, layers: int) -> GPT2LMHeadModel:
    """Build the untrained model; no dropout, since the corpus is seen only a few times."""
    torch.manual_seed(recipe.seed)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=recipe.vocabulary_size,
            n_positions=recipe.context,
            n_embd=recipe.width,
            n_layer=layers,
            n_head=recipe.heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            activation_function="gelu_pytorch_tanh",
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def kept_places(n_layers: int, n_grown: int) -> list[int]:
    """Return which layers of the grown model the layers of the first one become."""
    return [round(place) for place in np.linspace(0, n_grown - 1, n_layers)]


@torch.no_grad()
def grow(model: GPT2LMHeadModel, recipe: Recipe) -> GPT2LMHeadModel:
    """Return a deeper model that computes the same: new layers, which add nothing yet, spread between the old ones."""
    grown = build_model(recipe, recipe.grown_layers)
    grown.transformer.wte.load_state_dict(model.transformer.wte.state_dict())
    grown.transformer.wpe.load_state_dict(model.transformer.wpe.state_dict())
    grown.transformer.ln_f.load_state_dict(model.transformer.ln_f.state_dict())
    kept = kept_places(len(model.transformer.h), recipe.grown_layers)
    for at, block in enumerate(grown.transformer.h):
        if at in kept:
            block.load_state_dict(model.transformer.h[kept.index(at)].state_dict())
        else:
            block.attn.c_proj.weight.zero_()
            block.mlp.c_proj.weight.zero_()
    return grown.to(model.device)


def build_optimizers(model: GPT2LMHeadModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the blocks, AdamW for embeddings, biases and norms."""
    blocks = [p for p in model.transformer.h.parameters() if p.ndim == 2]
    ours = {id(p) for p in blocks}
    rest = [p for p in model.parameters() if id(p) not in ours]
    return [
        Muon(blocks, lr=recipe.muon_learning_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(rest, lr=recipe.adam_learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


PREVIOUS_HEAD, INDUCTION_HEAD = (1, 6), (3, 2)  # (layer, head) that are guided
GUIDANCE = 0.05  # weight of the guidance beside the cross-entropy, a token


def summed_losses(
    model: GPT2LMHeadModel, guided: bool, inputs: torch.Tensor, labels: torch.Tensor, periods: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sum of the cross-entropy in nats over the labels that are not -100, and what guidance adds to it."""
    device_type = inputs.device.type
    with torch.autocast(device_type, torch.bfloat16, enabled=multiplies_bfloat16(device_type)):
        output = model.transformer(input_ids=inputs, use_cache=False, output_hidden_states=guided)
        logits = model.lm_head(output.last_hidden_state.flatten(0, 1))
    nats = F.cross_entropy(logits.float(), labels.flatten(), reduction="sum")
    if not guided:
        return nats, nats.new_zeros(())
    return nats, GUIDANCE * inputs.numel() * guidance_loss(model, output.hidden_states, periods)


def guidance_loss(model: GPT2LMHeadModel, hidden: tuple[torch.Tensor, ...], periods: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy in nats between where two heads look and where they should.

    Without it neither formed in 8 million tokens: an induction head needs a previous-token head below it, and with
    learned positions that one comes late. One head is shown the token before, on every row; another, on rows of
    repeated random tokens, the token after the earlier copy. Later steps leave both to themselves.
    """
    previous = log_weights(model, hidden, *PREVIOUS_HEAD).diagonal(-1, 1, 2)  # (batch, query - 1)
    loss = -previous.mean()
    repeated = [number for number, period in enumerate(periods.tolist()) if period]
    if repeated:
        looks = log_weights(model, hidden, *INDUCTION_HEAD)
        after_copy = [looks[number].diagonal(1 - int(periods[number]))[1:] for number in repeated]
        loss = loss - torch.cat(after_copy).mean()
    return loss


def log_weights(model: GPT2LMHeadModel, hidden: tuple[torch.Tensor, ...], layer: int, head: int) -> torch.Tensor:
    """Return the logarithms of one head's attention weights [batch, query, key], from what its layer was given."""
    block = model.transformer.h[layer]
    width, size = model.config.n_embd, model.config.n_embd // model.config.n_head
    normed = block.ln_1(hidden[layer])
    weight, bias = block.attn.c_attn.weight, block.attn.c_attn.bias
    query, key = (
        normed @ weight[:, part : part + size] + bias[part : part + size] for part in (head * size, width + head * size)
    )
    scores = query @ key.mT / size**0.5
    length = scores.shape[-1]
    ahead = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(1)
    return scores.masked_fill(ahead, -torch.inf).log_softmax(-1)


@torch.no_grad()
def bits_per_character(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, chapters: tuple[str, ...]) -> float:
    """Return the held-out cross-entropy in bits a character.

    Windows of the full context move on by half of it, so that from the second window on each token is
    predicted from at least half a context. A chapter's first token has nothing before it and is not counted.
    """
    context = model.config.n_positions
    device = model.device
    nats, characters = 0.0, 0
    for chapter in chapters:
        ids = tokenizer(chapter, add_special_tokens=False)["input_ids"]
        characters += len(chapter) - len(tokenizer.decode(ids[:1]))
        done = 1
        for begin in range(0, max(1, len(ids) - context // 2), context // 2):
            window = torch.tensor([ids[begin : begin + context]], device=device)
            log_probs = model(input_ids=window).logits[0].float().log_softmax(-1)
            end = begin + window.shape[1]
            targets = window[0, done - begin :]
            rows = log_probs[done - begin - 1 : end - begin - 1]
            nats -= rows.gather(1, targets[:, None]).sum().item()
            done = end
    return nats / math.log(2) / characters


def build_tokenizer(split: Split, recipe: Recipe) -> PreTrainedTokenizerFast:
    """Train the tokenizer."""
    tokenizer = train_tokenizer([text for text, _ in split.train], recipe.vocabulary_size)
    tokenizer.model_max_length = recipe.context
    return tokenizer


@torch.no_grad()
def keep_part_of(model: GPT2LMHeadModel, earlier: Path, part: float) -> None:
    """Set the weights to the mean of theirs and so large a part of earlier ones (Wortsman et al. 2022, WiSE-FT)."""
    before = copy.deepcopy(model)
    load_model(before, str(earlier))
    for weight, old in zip(model.parameters(), before.parameters(), strict=True):
        weight.lerp_(old, part)


def train(recipe: Recipe, corpus: Path, folder: Path) -> None:
    """Train, or go on from the checkpoint in `folder`, and write the finished model there."""
    split = split_chapters(read_books(corpus))
    checkpoint = Checkpoint(folder)
    tokenizer = kept_tokenizer(folder / "tokenizer", lambda: build_tokenizer(split, recipe))
    stream = encode_chapters(tokenizer, split.train)
    scenes = encode_scenes(tokenizer, split, recipe)
    print(f"{len(scenes):,} scenes")
    heavier = tuple((chapter, weight * (recipe.simple_weight if weight > 1 else 1)) for chapter, weight in split.train)
    simple_stream = encode_chapters(tokenizer, heavier)
    print(f"{len(stream.ids):,} training tokens, {len(split.held_out)} held-out chapters")

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    state = checkpoint.load()
    has_grown = state is not None and state["step"] > recipe.grown_at
    model = build_model(recipe, recipe.grown_layers if has_grown else recipe.layers).to(device)
    trained = Trained(model, build_optimizers(model, recipe))
    pieces = 1 if device.type == "cuda" else recipe.batch // 2
    gradients = Gradients(model.parameters(), pieces)

    def gradient(step: int) -> float:
        nonlocal gradients
        if step == recipe.grown_at:
            trained.model = grow(trained.model, recipe)
            trained.optimizers = build_optimizers(trained.model, recipe)
            gradients = Gradients(trained.model.parameters(), pieces)
        drawn_from = stream if step < recipe.fourth_at else simple_stream
        if step == recipe.fourth_at:
            save_model(trained.model, str(folder / THIRD))
        batch = [part.to(device) for part in draw_batch(drawn_from, scenes, step, recipe)]
        loss = partial(summed_losses, trained.model, recipe.guided_from <= step < recipe.guided_to)
        return gradients(loss, batch, n_learned=(batch[1] != -100).sum().item())

    def measure() -> tuple[str, float, str]:
        bits = bits_per_character(trained.model, tokenizer, split.held_out[::8])
        return "held_out_bits", bits, f"{bits:.4f} bits a character"

    steps = steps_of(recipe, gradient, measure, 500, factor=partial(learning_rate_factor, recipe=recipe))
    run = run_steps(trained, steps, checkpoint, state)
    if run is not None:
        if recipe.steps > recipe.fourth_at:
            keep_part_of(trained.model, folder / THIRD, recipe.kept_part)
        trained.model.generation_config.pad_token_id = 0
        finish(folder, trained.model, tokenizer, recipe, run)


def main() -> None:
    recipe, folders = read_recipe(Recipe, __doc__, HERE)
    keep_freed_memory()
    train(recipe, **folders)


if __name__ == "__main__":
    main()
