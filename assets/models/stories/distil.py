"""Distil a two-layer student from the `stories` model: python distil.py --corpus FOLDER

The student has the teacher's tokens, width and heads, and begins with its embeddings, its first and its last layer. It
learns the teacher's whole distribution of each next token (Hinton et al. 2015, arXiv 1503.02531) on the chapters that
the teacher was trained on. Checkpoints every few minutes and resumes from them; the finished student goes to student/.
"""

import copy
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from train import HERE, bits_per_character, build_optimizers
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from corpus import encode_chapters, read_books, split_chapters
from gradients import Gradients, keep_freed_memory
from training import Checkpoint, Steps, Trained, read_recipe, run_steps, trapezoid

STUDENT = HERE / "student"
LAYERS = 2


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the student becomes."""

    seed: int = 20
    steps: int = 1000
    batch: int = 8  # passages a step
    length: int = 256  # tokens of a passage
    muon_learning_rate: float = 5e-3
    adam_learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_steps: int = 50
    decay_part: float = 0.5


def build_student(teacher: GPT2LMHeadModel) -> GPT2LMHeadModel:
    """Return a model with the teacher's embeddings, its first and its last layer."""
    config = copy.deepcopy(teacher.config)
    config.n_layer = LAYERS
    student = GPT2LMHeadModel(config)
    for name in ("wte", "wpe", "ln_f"):
        getattr(student.transformer, name).load_state_dict(getattr(teacher.transformer, name).state_dict())
    for block, place in zip(student.transformer.h, (0, -1), strict=True):
        block.load_state_dict(teacher.transformer.h[place].state_dict())
    return student


def summed_divergence(
    teacher: GPT2LMHeadModel, student: GPT2LMHeadModel, ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sum over all places of KL(teacher || student) in nats, and 0: nothing else counts.

    ids: int64 [row, token]
    """
    with torch.no_grad():
        expected = teacher(input_ids=ids, use_cache=False).logits.log_softmax(-1)
    found = student(input_ids=ids, use_cache=False).logits.log_softmax(-1)
    nats = (expected.exp() * (expected - found)).sum()
    return nats, nats.new_zeros(())


def main() -> None:
    recipe, folders = read_recipe(Recipe, __doc__, HERE)
    keep_freed_memory()
    split = split_chapters(read_books(folders["corpus"]))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(HERE)
    stream = encode_chapters(tokenizer, split.train)
    teacher = GPT2LMHeadModel.from_pretrained(HERE, dtype=torch.float32).eval().requires_grad_(False)
    student = build_student(teacher)
    trained = Trained(student, build_optimizers(student, recipe))
    gradients = Gradients(student.parameters(), recipe.batch)

    def draw(step: int) -> torch.Tensor:
        """Return passages that begin at a paragraph, int64 [row, token]."""
        rng = np.random.default_rng([recipe.seed, step])
        starts = rng.choice(stream.paragraph_starts, size=recipe.batch, p=stream.paragraph_chances)
        last = len(stream.ids) - recipe.length
        rows = [stream.ids[(begin := min(start, last)) : begin + recipe.length] for start in starts]
        return torch.from_numpy(np.stack(rows).astype(np.int64))

    def gradient(step: int) -> float:
        ids = draw(step)
        return gradients(partial(summed_divergence, teacher, student), [ids], n_learned=ids.numel())

    def measure() -> tuple[str, float, str]:
        bits = bits_per_character(student, tokenizer, split.held_out[::8])
        return "held_out_bits", bits, f"{bits:.4f} bits a character"

    steps = Steps(
        count=recipe.steps,
        rates=(recipe.muon_learning_rate, recipe.adam_learning_rate),
        factor=lambda step: trapezoid(step, recipe.steps, recipe.warmup_steps, recipe.decay_part),
        gradient=gradient,
        measure=measure,
        measured_every=250,
    )
    checkpoint = Checkpoint(folders["folder"])
    run = run_steps(trained, steps, checkpoint, checkpoint.load())
    if run is None:
        return
    student.to(torch.bfloat16).save_pretrained(STUDENT)
    tokenizer.save_pretrained(STUDENT)
    student.float()
    bits = [bits_per_character(model, tokenizer, split.held_out) for model in (teacher, student)]
    figures = {
        "recipe": asdict(recipe),
        "seconds": round(run["seconds"]),
        "nats": run["curve"][-1]["train_nats"],
        "bits_per_character": {"teacher": bits[0], "student": bits[1]},
    }
    (STUDENT / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(figures)


if __name__ == "__main__":
    main()
