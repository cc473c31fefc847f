"""What the programs that write the cards of the bundled models share."""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

SHIPPED = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model*.safetensors*")
ATTRIBUTION = ("SOURCES.tsv", "ATTRIBUTION-asp.txt", "ATTRIBUTION-pb.txt")


def ship_from(doc: str | None, here: Path, *, has_corpus: bool = True) -> tuple[dict[str, Any], Path | None]:
    """Read the command line, put what was trained into `here`; return what train.py noted, and where the corpus is."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if has_corpus:
        parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=here / ".build", help="what train.py was given")
    arguments = parser.parse_args()
    ship(arguments.folder / "model", here)
    corpus = arguments.corpus if has_corpus else None
    if corpus is not None:
        attribute(corpus, here)
    return json.loads((arguments.folder / "log.json").read_text()), corpus


def ship(trained: Path, here: Path) -> None:
    """Put a trained model in place of the one that lies in `here`."""
    for pattern in SHIPPED:
        for stale in here.glob(pattern):
            stale.unlink()
        for path in trained.glob(pattern):
            shutil.copyfile(path, here / path.name)


def attribute(corpus: Path, here: Path) -> None:
    """Put the sources of the corpus, its licences and their attribution beside a model that was trained on it."""
    for name in ATTRIBUTION:
        shutil.copyfile(corpus / name, here / name)


def fill_card(here: Path, values: dict[str, object]) -> None:
    """Write README.md from card.md, the card's text, and what was measured."""
    text = (here / "card.md").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    (here / "README.md").write_text(text, encoding="utf-8")


def quoted(text: str) -> str:
    """Return a text as a quotation in Markdown."""
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))


def draw_curve(
    log: dict[str, Any], path: Path, *, tokens: int, held_out: str, label: str, unit: str, nats: tuple[float, float]
) -> None:
    """Draw the loss of training, and a figure of held-out text, over the tokens seen.

    tokens: in a step; held_out: the name of the figure in the curve; nats: from where to where the loss is drawn
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, left = plt.subplots(figsize=(8, 4.2), dpi=110)
    millions = tokens / 1e6
    left.plot(
        [point["step"] * millions for point in log["curve"]],
        [point["train_nats"] for point in log["curve"]],
        color="#5b3fa8",
        linewidth=1.2,
        label="training loss, nats a token (smoothed)",
    )
    left.set_xlabel("million tokens seen")
    left.set_ylabel("nats a token")
    left.set_ylim(*nats)
    right = left.twinx()
    measured = [point for point in log["curve"] if held_out in point]
    right.plot(
        [point["step"] * millions for point in measured],
        [point[held_out] for point in measured],
        "o-",
        color="#c2571a",
        markersize=4,
        label=label,
    )
    right.set_ylabel(unit)
    lines = left.get_lines() + right.get_lines()
    left.legend(lines, [str(line.get_label()) for line in lines], loc="upper right", frameon=False)
    left.grid(alpha=0.25)
    figure.tight_layout()
    figure.savefig(path)
