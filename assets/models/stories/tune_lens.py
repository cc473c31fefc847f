"""Learn a tuned lens for the `stories` model: python tune_lens.py --corpus FOLDER

Of each layer an affine map that brings the residual stream into the basis of the last one (Belrose et al. 2023, arXiv
2303.08112): trained so that what is read there comes near to what the model predicts in the end (KL divergence), on
the chapters that the model was trained on. Writes tuned_lens.safetensors beside the model, and prints what it gives on
held-out chapters.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tqdm import tqdm
from transformers import AutoTokenizer, GPT2LMHeadModel

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from corpus import encode_chapters, read_books, split_chapters

HERE = Path(__file__).parent
LENGTH = 128  # tokens a passage
HELD_OUT_EVERY = 4  # of the held-out chapters, one in so many is measured


class Translators(torch.nn.Module):
    """One affine map a layer, of what it is given; they begin at no change."""

    def __init__(self, n_layers: int, width: int) -> None:
        super().__init__()
        self.maps = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(n_layers))
        for layer in self.maps:
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)


def read_stages(model: GPT2LMHeadModel, ids: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Return what each layer is given, (token, width), and the model's own log-probabilities (token, vocabulary)."""
    with torch.no_grad():
        output = model(input_ids=ids, output_hidden_states=True, use_cache=False)
    given = tuple(state.flatten(0, 1) for state in output.hidden_states[:-1])
    return given, output.logits.flatten(0, 1).log_softmax(-1)


def divergences(model: GPT2LMHeadModel, lens: Translators, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for each layer the mean KL divergence in nats of what is read there from the model's own prediction.

    The first through the lens, the second without it.
    """
    given, final = read_stages(model, ids)
    found = []
    for states, translate in zip(given, lens.maps, strict=True):
        for read in (states + translate(states), states):
            log_probs = model.lm_head(model.transformer.ln_f(read)).log_softmax(-1)
            found.append((final.exp() * (final - log_probs)).sum(-1).mean())
    return torch.stack(found[::2]), torch.stack(found[1::2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with SOURCES.tsv and the books")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=4, help="passages a step")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=20)
    given = parser.parse_args()
    model = GPT2LMHeadModel.from_pretrained(HERE, dtype=torch.float32).eval().requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(HERE)
    split = split_chapters(read_books(given.corpus))
    stream = encode_chapters(tokenizer, split.train)
    torch.manual_seed(given.seed)
    lens = Translators(model.config.n_layer, model.config.n_embd)
    optimizer = torch.optim.AdamW(lens.parameters(), lr=given.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / given.steps)
    bar = tqdm(range(given.steps), mininterval=5)
    for step in bar:
        rng = np.random.default_rng([given.seed, step])
        apart, _ = divergences(model, lens, torch.from_numpy(stream.draw(given.batch, LENGTH, rng)))
        optimizer.zero_grad()
        apart.sum().backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(nats=f"{apart.mean().item():.3f}")
    measured = [ids for chapter in split.held_out[::HELD_OUT_EVERY] for ids in passages(tokenizer, chapter)]
    with torch.no_grad():
        found = [divergences(model, lens, torch.tensor([ids])) for ids in measured]
    tuned, plain = (torch.stack(column).mean(0).tolist() for column in zip(*found, strict=True))
    print(f"KL divergence from the model's own prediction in nats, {len(measured)} held-out passages:")
    for layer, (with_lens, without) in enumerate(zip(tuned, plain, strict=True)):
        print(f"what layer {layer} is given: {with_lens:.2f} through the lens, {without:.2f} without")
    tensors = {}
    for layer, translate in enumerate(lens.maps):
        tensors[f"{layer}.weight"] = translate.weight.detach().to(torch.bfloat16).contiguous()
        tensors[f"{layer}.bias"] = translate.bias.detach().to(torch.bfloat16).contiguous()
    save_file(tensors, HERE / "tuned_lens.safetensors")


def passages(tokenizer: AutoTokenizer, chapter: str) -> list[list[int]]:
    """Return the whole passages of a chapter."""
    ids = tokenizer(chapter, add_special_tokens=False)["input_ids"]
    return [ids[begin : begin + LENGTH] for begin in range(0, len(ids) - LENGTH + 1, LENGTH)]


if __name__ == "__main__":
    main()
