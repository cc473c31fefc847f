"""Measure the trained `fill-in` model and write its card: python card.py --corpus FOLDER

Ships what train.py left in its folder: weights, tokenizer, the loss curve as a picture, and README.md with the
figures measured here, on the very weights that are shipped.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from masking import MASK
from train import HERE, MEASURED_SHARE, Masker, Recipe, count_right
from transformers import BertForMaskedLM, PreTrainedTokenizerFast

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from cards import draw_curve, fill_card, quoted, ship_from
from corpus import encode_chapters, read_books, split_chapters

SENTENCES = (
    f"Once upon a {MASK} there was a little girl.",
    f"The little {MASK} ran into the woods.",
    f'"Where are you {MASK}?" asked the fox.',
    f"She put on her {MASK} and went out.",
    f"The {MASK} and the queen had a little daughter.",
    f"He sat {MASK} on the chair by the fire.",
    f"It was so cold that the pond was {MASK}.",
    f"The boys went {MASK} in the river.",
    f"Mother made a {MASK} for his birthday.",
    f"The dog barked at the {MASK}.",
)
N_SHOWN = 5
HEAD_SHIFTS = (-2, -1, 0, 1, 2)


@torch.no_grad()
def best_candidates(model: BertForMaskedLM, tokenizer: PreTrainedTokenizerFast, text: str) -> str:
    """Return the likeliest tokens at the mask of a text, with their probabilities."""
    inputs = tokenizer(text, return_tensors="pt")
    place = int((inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0])
    best, ids = model(**inputs).logits[0, place].softmax(-1).topk(N_SHOWN)
    words = [tokenizer.decode([id]).strip() for id in ids.tolist()]
    return ", ".join(f"{word} ({100 * p:.0f} %)" for word, p in zip(words, best.tolist(), strict=True))


@torch.no_grad()
def neighbour_heads(model: BertForMaskedLM, vocabulary: int, repeats: int = 20, seed: int = 0) -> str:
    """Return, for each place near a token, the head that looks there most, on random tokens."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, vocabulary, (repeats, 60), generator=generator)
    weights = torch.stack(model(input_ids=ids, output_attentions=True).attentions).mean(1)  # (layer, head, query, key)
    lines = []
    for shift in HEAD_SHIFTS:
        mean = weights.diagonal(shift, 2, 3).mean(-1).numpy()  # (layer, head)
        layer, head = np.unravel_index(mean.argmax(), mean.shape)
        lines.append(f"| {shift:+d} | layer {layer} head {head} | {mean.max():.2f} |")
    return "\n".join(lines)


def main() -> None:
    log, corpus = ship_from(__doc__, HERE)

    tokenizer = PreTrainedTokenizerFast.from_pretrained(HERE)
    model = BertForMaskedLM.from_pretrained(HERE, dtype=torch.float32, attn_implementation="eager").eval()
    held_out = split_chapters(read_books(corpus)).held_out
    recipe = log["recipe"]
    masker = Masker(tokenizer, encode_chapters(tokenizer, tuple((text, 1.0) for text in held_out)), Recipe(**recipe))
    found = count_right(model, tokenizer, masker, held_out)
    tokens = recipe["batch"] * recipe["context"]
    draw_curve(
        log,
        HERE / "loss-curve.png",
        tokens=tokens,
        held_out="held_out_right",
        label="held-out masked words right (an eighth of the chapters)",
        unit="share of the masked words",
        nats=(2.5, 7.5),
    )
    fill_card(
        HERE,
        {
            "PARAMETERS": f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f}",
            "LAYERS": recipe["layers"],
            "HEADS": recipe["heads"],
            "WIDTH": recipe["width"],
            "VOCABULARY": f"{recipe['vocabulary_size']:,}",
            "CONTEXT": recipe["context"],
            "STEPS": f"{recipe['steps']:,}",
            "TOKENS": f"{tokens:,}",
            "SEEN": f"{recipe['steps'] * tokens / 1e6:.1f}",
            "MASKED": f"{100 * recipe['masked_share']:.0f}",
            "PAIRS": f"{100 * recipe['pair_chance']:.0f}",
            "FIRST": f"{recipe['second_at']:,}",
            "SECOND": f"{100 * recipe['second_rate']:.0f}",
            "THIRD_AT": f"{recipe['third_at']:,}",
            "THIRD": f"{100 * recipe['third_rate']:.0f}",
            "SECOND_MASKED": f"{100 * recipe['second_masked_share']:.0f}",
            "MEASURED": f"{100 * MEASURED_SHARE:.0f}",
            "MUON_RATE": f"{recipe['muon_learning_rate']:g}",
            "ADAM_RATE": f"{recipe['adam_learning_rate']:g}",
            "WARMUP": recipe["warmup_steps"],
            "DECAY": f"{100 * recipe['decay_part']:.0f}",
            "SEED": recipe["seed"],
            "N_HELD_OUT": len(held_out),
            "SCORES": "\n".join(
                f"| {name} | {of:,} | {100 * right / of:.1f} % |" for name, (right, of) in found.items()
            ),
            "NEIGHBOURS": neighbour_heads(model, len(tokenizer)),
            "SAMPLES": "\n\n".join(
                f"{quoted(text)}\n\n{best_candidates(model, tokenizer, text)}" for text in SENTENCES
            ),
        },
    )
    print({name: round(right / of, 4) for name, (right, of) in found.items()})


if __name__ == "__main__":
    main()
