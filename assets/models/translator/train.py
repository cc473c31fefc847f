"""Train the `translator` model from scratch: python train.py

An encoder-decoder of transformers' own Marian classes on sentences that grammar.py draws as they are needed: none is
kept, and none that is held out is ever drawn. Runs on CUDA where there is one, else on one thread of the CPU;
checkpoints every few minutes and resumes from them. Batch number n holds the same sentences whenever it is drawn.
"""

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grammar
import torch
import torch.nn.functional as F
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast
from words import build_tokenizer, collect, features

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from muon import Muon
from training import Checkpoint, Trained, finish, read_recipe, run_steps, steps_of

HERE = Path(__file__).parent

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
HELD_OUT_SEED = 1_000_000  # of the sentences that the model is measured on


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the model becomes."""

    seed: int = 20
    layers: int = 3
    heads: int = 5
    width: int = 160
    inner_width: int = 480
    context: int = 128
    steps: int = 1090
    batch: int = 128  # sentences a step
    pool: int = 12  # batches that are drawn together and sorted by length
    muon_learning_rate: float = 3e-3
    adam_learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warmup_steps: int = 60
    decay_part: float = 0.43  # the last part of the steps, in which the learning rate falls to nothing
    unknown_chance: float = 0.03  # sentences in which one word is <unk>, on both sides


def build_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, n_english: int) -> MarianMTModel:
    """Build the untrained model; no dropout, since no sentence is seen twice but by chance."""
    torch.manual_seed(recipe.seed)
    model = MarianMTModel(
        MarianConfig(
            vocab_size=len(tokenizer),
            source_vocab_size=n_english,  # ids from here on are French only: the encoder has never read them
            max_position_embeddings=recipe.context,
            encoder_layers=recipe.layers,
            decoder_layers=recipe.layers,
            encoder_attention_heads=recipe.heads,
            decoder_attention_heads=recipe.heads,
            encoder_ffn_dim=recipe.inner_width,
            decoder_ffn_dim=recipe.inner_width,
            d_model=recipe.width,
            dropout=0.0,
            activation_function="relu",
            scale_embedding=True,
            init_std=recipe.width**-0.5,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
            forced_eos_token_id=None,
        )
    )
    words = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(first_embeddings(words, recipe))
    return model


def first_embeddings(words: list[str], recipe: Recipe) -> torch.Tensor:
    """Return where the embeddings begin, float32 [word, width]: a word's forms, in both languages, near each other.

    Each is the sum of random vectors, one for the word that it is a form of and a shorter one for each thing that the
    tables say of the form; so a form that comes rarely shares in what is learned of the others.
    """
    said = features(words)
    names = sorted({feature for word in words for feature in said[word]})
    place = {name: number for number, name in enumerate(names)}
    vectors = torch.randn(len(names), recipe.width)
    weights = torch.zeros(len(words), len(names))
    for number, word in enumerate(words):
        for feature in said[word]:
            weights[number, place[feature]] = 1.0 if feature.startswith("word ") else 0.5
    return F.normalize(weights @ vectors + 0.2 * torch.randn(len(words), recipe.width))


def draw_batches(tokenizer: PreTrainedTokenizerFast, number: int, recipe: Recipe) -> list[Batch]:
    """Return the batches of pool `number`, each of sentences of about one length, in a random order."""
    rng = random.Random(f"{recipe.seed}-{number}")
    pairs = []
    for _ in range(recipe.pool * recipe.batch):
        sentence = grammar.draw_of(rng, held_out=False)
        if rng.random() < recipe.unknown_chance:
            sentence = grammar.with_unknown_word(sentence, rng)
        pairs.append(grammar.pair(sentence))
    sources = tokenizer([english for english, _ in pairs])["input_ids"]
    targets = tokenizer([french for _, french in pairs])["input_ids"]
    order = sorted(range(len(pairs)), key=lambda i: (len(targets[i]), len(sources[i])))
    rows = [order[begin : begin + recipe.batch] for begin in range(0, len(order), recipe.batch)]
    rng.shuffle(rows)
    return [collate([sources[i] for i in row], [targets[i] for i in row], tokenizer.pad_token_id) for row in rows]


def collate(sources: list[list[int]], targets: list[list[int]], pad: int) -> Batch:
    """Return source ids, what the decoder reads, and what it should write, each int64 [batch, length]."""
    source = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in sources], True, pad)
    target = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in targets], True, pad)
    read = torch.cat([torch.full_like(target[:, :1], pad), target[:, :-1]], 1)  # begins with the start token
    return source, read, target


def loss_of(model: MarianMTModel, batch: Batch) -> torch.Tensor:
    """Return the mean cross-entropy in nats a token, without padding."""
    source, read, target = batch
    pad = model.config.pad_token_id
    with torch.autocast(source.device.type, torch.bfloat16, enabled=source.device.type == "cuda"):
        output = model.model(input_ids=source, attention_mask=source != pad, decoder_input_ids=read, use_cache=False)
        learned = target != pad
        logits = model.lm_head(output.last_hidden_state[learned])
    return F.cross_entropy(logits.float(), target[learned])


def held_out_pairs(count: int, seed: int = HELD_OUT_SEED) -> list[tuple[str, str]]:
    """Return sentences in both languages, each with a pair of words that training never had together."""
    rng = random.Random(seed)
    return [grammar.pair(grammar.draw_of(rng, held_out=True)) for _ in range(count)]


@torch.inference_mode()
def translate(
    model: MarianMTModel, tokenizer: PreTrainedTokenizerFast, texts: list[str], batch: int = 100
) -> list[str]:
    """Return the greedy translations."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    written: dict[int, str] = {}
    for begin in range(0, len(order), batch):
        row = order[begin : begin + batch]
        inputs = tokenizer([texts[i] for i in row], padding=True, return_tensors="pt", return_token_type_ids=False)
        output = model.generate(**inputs.to(model.device), max_length=48, do_sample=False, num_beams=1)
        written |= dict(zip(row, tokenizer.batch_decode(output, skip_special_tokens=True), strict=True))
    return [written[i] for i in range(len(texts))]


def exact_match(model: MarianMTModel, tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, str]]) -> float:
    """Return the part of the sentences that are translated as the grammar does, to the letter."""
    translated = translate(model, tokenizer, [english for english, _ in pairs])
    return sum(ours == french for ours, (_, french) in zip(translated, pairs, strict=True)) / len(pairs)


def build_optimizers(model: MarianMTModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the layers, AdamW for embeddings, biases and norms."""
    layers = [*model.model.encoder.layers.parameters(), *model.model.decoder.layers.parameters()]
    matrices = [p for p in layers if p.ndim == 2]
    ours = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in ours and p.requires_grad]
    return [
        Muon(matrices, lr=recipe.muon_learning_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(rest, lr=recipe.adam_learning_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def read_words(folder: Path) -> tuple[list[str], list[str]]:
    """Return the words of both languages, from `folder` where they have been collected."""
    path = folder / "words.json"
    if not path.exists():
        path.write_text(json.dumps(collect(), ensure_ascii=False), encoding="utf-8")
    english, french = json.loads(path.read_text(encoding="utf-8"))
    return english, french


def batches_from(step: int, tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Iterator[Batch]:
    """Yield the batches from this step on."""
    number, skipped = divmod(step, recipe.pool)
    while True:
        yield from draw_batches(tokenizer, number, recipe)[skipped:]
        number, skipped = number + 1, 0


def train(recipe: Recipe, folder: Path) -> None:
    """Train, or go on from the checkpoint in `folder`, and write the finished model there."""
    checkpoint = Checkpoint(folder)
    english, french = read_words(folder)
    tokenizer = build_tokenizer([*english, *french], recipe.context)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    model = build_model(recipe, tokenizer, len(tokenizer) - len(french)).to(device)
    trained = Trained(model, build_optimizers(model, recipe))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer):,} tokens", flush=True)
    state = checkpoint.load()
    held_out = held_out_pairs(200, HELD_OUT_SEED + 1)  # not those of the card
    batches = batches_from(state["step"] if state else 0, tokenizer, recipe)

    def gradient(_: int) -> float:
        source, read, target = next(batches)
        loss = loss_of(model, (source.to(device), read.to(device), target.to(device)))
        loss.backward()
        return loss.item()

    def measure() -> tuple[str, float, str]:
        exact = exact_match(model.eval(), tokenizer, held_out)
        model.train()
        return "held_out_exact", exact, f"{exact:.1%} exact"

    steps = steps_of(recipe, gradient, measure, 200, smoothing=0.95, saved_every_s=120)
    run = run_steps(trained, steps, checkpoint, state)
    if run is not None:
        finish(folder, model, tokenizer, recipe, run)


def main() -> None:
    recipe, folders = read_recipe(Recipe, __doc__, HERE, reads_corpus=False)
    train(recipe, **folders)


if __name__ == "__main__":
    main()
