"""Measure the trained `stories` model and write its card: python card.py --corpus FOLDER

Ships what train.py left in its folder: weights, tokenizer, the loss curve as a picture, and README.md with the
figures measured here, on the very weights that are shipped.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from train import HERE, INDUCTION_HEAD, PREVIOUS_HEAD, bits_per_character, kept_places
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from cards import draw_curve, fill_card, quoted, ship_from
from corpus import HOLD_OUT_EVERY, SIMPLE_AUTHORS, SIMPLE_WEIGHT, Book, read_books, split_chapters

SAMPLE_SEEDS = range(1, 11)
SAMPLE_PROMPT = "Once upon a time"
GUIDED = (PREVIOUS_HEAD[0], INDUCTION_HEAD[0])


@torch.no_grad()
def head_scores(model: GPT2LMHeadModel, length: int = 50, repeats: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    """Return mean weights [layer, head] on random tokens said twice (Olsson et al. 2022).

    `previous`: on the token before. `induction`: in the second copy, on the token after the same token's first
    occurrence.
    """
    generator = torch.Generator().manual_seed(seed)
    half = torch.randint(1, model.config.vocab_size, (repeats, length), generator=generator)
    ids = torch.cat([half, half], 1)
    weights = torch.stack(model(ids, output_attentions=True).attentions)  # (layer, batch, head, query, key)
    mean = weights.mean(1)
    second = torch.arange(length, 2 * length)
    every = torch.arange(1, 2 * length)
    return {
        "previous": mean[:, :, every, every - 1].mean(-1).numpy(),
        "induction": mean[:, :, second, second - length + 1].mean(-1).numpy(),
    }


def best_head(scores: np.ndarray) -> str:
    """Return the strongest head in words."""
    layer, head = np.unravel_index(scores.argmax(), scores.shape)
    return f"layer {layer} head {head}: {scores.max():.2f}"


def write_samples(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """Return ten continuations at fixed seeds, none left out."""
    ids = tokenizer(SAMPLE_PROMPT, return_tensors="pt")["input_ids"]
    samples = []
    for seed in SAMPLE_SEEDS:
        torch.manual_seed(seed)
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            temperature=0.8,
            top_k=40,
            max_new_tokens=120,
            pad_token_id=0,
        )
        samples.append(tokenizer.decode(out[0], skip_special_tokens=True))
    return samples


def table_of(scores: np.ndarray) -> str:
    """Return a Markdown table, a row a layer."""
    head = "| layer | " + " | ".join(f"head {i}" for i in range(scores.shape[1])) + " |"
    rule = "|---" * (scores.shape[1] + 1) + "|"
    rows = [f"| {layer} | " + " | ".join(f"{value:.2f}" for value in row) + " |" for layer, row in enumerate(scores)]
    return "\n".join([head, rule, *rows])


def held_out_of(books: list[Book], simple: bool) -> tuple[str, ...]:
    """Return the held-out chapters of the simple authors, or of all others."""
    numbered = [(chapter, book) for book in books for chapter in book.chapters]
    return tuple(
        chapter
        for number, (chapter, book) in enumerate(numbered)
        if number % HOLD_OUT_EVERY == HOLD_OUT_EVERY // 2 and book.author.startswith(SIMPLE_AUTHORS) == simple
    )


def main() -> None:
    log, corpus = ship_from(__doc__, HERE)

    tokenizer = PreTrainedTokenizerFast.from_pretrained(HERE)
    model = GPT2LMHeadModel.from_pretrained(HERE, dtype=torch.float32, attn_implementation="eager").eval()
    books = read_books(corpus)
    split = split_chapters(books)
    figures = {
        "all": bits_per_character(model, tokenizer, split.held_out),
        "simple": bits_per_character(model, tokenizer, held_out_of(books, simple=True)),
        "others": bits_per_character(model, tokenizer, held_out_of(books, simple=False)),
    }
    scores = head_scores(model)
    draw_curve(
        log,
        HERE / "loss-curve-third.png",  # what train.py noted of the first two runs is in loss-curve.png
        tokens=log["recipe"]["batch"] * log["recipe"]["context"],
        held_out="held_out_bits",
        label="held out, bits a character (an eighth of the chapters)",
        unit="bits a character",
        nats=(2.4, 3),
    )
    fill_card(HERE, values_of(model, log, figures, scores, len(split.held_out), write_samples(model, tokenizer)))
    print({name: round(value, 4) for name, value in figures.items()})
    print({name: best_head(values) for name, values in scores.items()})


def values_of(
    model: GPT2LMHeadModel,
    log: dict,
    figures: dict[str, float],
    scores: dict[str, np.ndarray],
    n_held_out: int,
    samples: list[str],
) -> dict[str, object]:
    """Return what stands in card.md in braces: what was measured, and how the model was made."""
    recipe = log["recipe"]
    seen = recipe["steps"] * recipe["batch"] * recipe["context"]
    shown = "\n\n".join(f"**Seed {seed}**\n\n{quoted(text)}" for seed, text in zip(SAMPLE_SEEDS, samples, strict=True))
    return {
        "PARAMETERS": f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f}",
        "LAYERS": model.config.n_layer,
        "GUIDED_LAYERS": " and ".join(str(kept_places(recipe["layers"], model.config.n_layer)[at]) for at in GUIDED),
        "FIRST_LAYERS": recipe["layers"],
        "GROWN_AT": f"{recipe['grown_at']:,}",
        "GROWN_STEPS": f"{recipe['third_at'] - recipe['grown_at']:,}",
        "THIRD_STEPS": f"{recipe['fourth_at'] - recipe['third_at']:,}",
        "THIRD_RATE": f"{100 * recipe['third_rate']:.0f}",
        "THIRD_DECAY": f"{100 * recipe['third_decay_part']:.0f}",
        "FOURTH_STEPS": f"{recipe['steps'] - recipe['fourth_at']:,}",
        "FOURTH_RATE": f"{100 * recipe['fourth_rate']:.0f}",
        "FOURTH_DECAY": f"{100 * recipe['third_decay_part']:.0f}",
        "FOURTH_REPEATS": f"{100 * recipe['fourth_repeat_chance']:.0f}",
        "SCENES": f"{100 * recipe['scene_chance']:.0f}",
        "LAST": f"{100 * (1 - recipe['kept_part']):.0f}",
        "KEPT": f"{100 * recipe['kept_part']:.0f}",
        "SIMPLE_WEIGHT": f"{SIMPLE_WEIGHT * recipe['simple_weight']:.0f}",
        "HALF_CHANCE": f"{100 * recipe['half_chance']:.0f}",
        "GROWN_RATE": f"{100 * recipe['grown_rate']:.0f}",
        "HEADS": recipe["heads"],
        "WIDTH": recipe["width"],
        "VOCABULARY": f"{recipe['vocabulary_size']:,}",
        "CONTEXT": recipe["context"],
        "STEPS": f"{recipe['steps']:,}",
        "BATCH": recipe["batch"],
        "SEEN": f"{seen / 1e6:.1f}",
        "MUON_RATE": f"{recipe['muon_learning_rate']:g}",
        "ADAM_RATE": f"{recipe['adam_learning_rate']:g}",
        "WARMUP": recipe["warmup_steps"],
        "DECAY": f"{100 * recipe['decay_part']:.0f}",
        "REPEATS": f"{100 * recipe['repeat_chance']:.0f}",
        "SEED": recipe["seed"],
        "GUIDED_FROM": f"{recipe['guided_from']:,}",
        "GUIDED_TO": f"{recipe['guided_to']:,}",
        "N_HELD_OUT": n_held_out,
        "BITS_ALL": f"{figures['all']:.3f}",
        "BITS_SIMPLE": f"{figures['simple']:.3f}",
        "BITS_OTHERS": f"{figures['others']:.3f}",
        "PERPLEXITY_ALL": f"{2 ** figures['all']:.2f}",
        "BEST_PREVIOUS": best_head(scores["previous"]),
        "BEST_INDUCTION": best_head(scores["induction"]),
        "TABLE_PREVIOUS": table_of(scores["previous"]),
        "TABLE_INDUCTION": table_of(scores["induction"]),
        "SAMPLES": shown,
    }


if __name__ == "__main__":
    main()
