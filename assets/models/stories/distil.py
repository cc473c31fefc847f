"""Distil a two-layer student from the `stories` model: python distil.py --corpus FOLDER

The student has the teacher's tokens, width and heads, and begins with its embeddings, its first and its last layer. It
learns the teacher's whole distribution of each next token (Hinton et al. 2015, arXiv 1503.02531) on the chapters that
the teacher was trained on. Checkpoints every few minutes and resumes from them; the finished student goes to student/.
"""

import copy
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from train import HERE, bits_per_character, build_optimizers
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from cards import fill_card
from corpus import encode_chapters, read_books, split_chapters
from gradients import Gradients, keep_freed_memory
from training import Checkpoint, Trained, read_recipe, run_steps, steps_of

STUDENT = HERE / "student"
LAYERS = 2


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the student becomes."""

    seed: int = 20
    steps: int = 600
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

    def gradient(step: int) -> float:
        ids = torch.from_numpy(stream.draw(recipe.batch, recipe.length, np.random.default_rng([recipe.seed, step])))
        return gradients(partial(summed_divergence, teacher, student), [ids], n_learned=ids.numel())

    def measure() -> tuple[str, float, str]:
        bits = bits_per_character(student, tokenizer, split.held_out[::8])
        return "held_out_bits", bits, f"{bits:.4f} bits a character"

    steps = steps_of(recipe, gradient, measure, 250)
    checkpoint = Checkpoint(folders["folder"])
    run = run_steps(trained, steps, checkpoint, checkpoint.load())
    if run is None:
        return
    student.to(torch.bfloat16).save_pretrained(STUDENT)
    tokenizer.save_pretrained(STUDENT)
    student.float()  # what is measured is what was written
    write_card(recipe, run["seconds"], teacher, student, tokenizer, split.held_out)


@torch.no_grad()
def write_card(
    recipe: Recipe,
    seconds: float,
    teacher: GPT2LMHeadModel,
    student: GPT2LMHeadModel,
    tokenizer: PreTrainedTokenizerFast,
    held_out: tuple[str, ...],
) -> None:
    """Measure both on the held-out chapters, and write the student's card."""
    bits = [bits_per_character(model, tokenizer, held_out) for model in (teacher, student)]
    sizes = [sum(weight.numel() for weight in model.parameters()) for model in (teacher, student)]
    encoded = [tokenizer(chapter, add_special_tokens=False)["input_ids"][: recipe.length] for chapter in held_out]
    sums = [summed_divergence(teacher, student, torch.tensor([ids]))[0].item() for ids in encoded]
    fill_card(
        STUDENT,
        {
            "TEACHER_MILLIONS": f"{sizes[0] / 1e6:.1f}",
            "STUDENT_MILLIONS": f"{sizes[1] / 1e6:.1f}",
            "TEACHER_BITS": f"{bits[0]:.3f}",
            "STUDENT_BITS": f"{bits[1]:.3f}",
            "DIVERGENCE": f"{sum(sums) / sum(map(len, encoded)):.3f}",
            "N_HELD_OUT": len(held_out),
            "STEPS": f"{recipe.steps:,}",
            "BATCH": recipe.batch,
            "LENGTH": recipe.length,
            "MINUTES": f"{seconds / 60:.0f}",
        },
    )


if __name__ == "__main__":
    main()
