"""The logit lens: what the residual stream already holds after each layer (nostalgebraist 2020).

Belrose et al. 2023 (arXiv 2303.08112) show where it misleads: early layers may write in another basis than the last.
"""

import inspect
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64

from playground.analysis.token_loss import not_a_number, written_tokens
from playground.analysis.tuned_lens import TunedLens
from playground.models.anatomy import Anatomy, anatomy_of, unembed
from playground.models.hooks import hooked
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.records import LensStage, LogitLens, ReadText, Token
from playground.records.logit_lens import N_POSITIONS, first_shown

N_CANDIDATES = 8
_LOGITS = 2**24  # at a time: 64 MB in float32
_READ = 2**19  # of these at a time: what is made of them stays in the processor's cache
PARTS_ABSENT = (
    "Behind attention alone there is nothing to read in this architecture: its layers do not simply add what attention "
    "and MLP give."
)


@dataclass(frozen=True, eq=False)
class ResidualStream:
    """What stands in the residual stream at every stage of one pass."""

    stages: tuple[LensStage, ...]
    states: tuple[Float[torch.Tensor, "token d_model"], ...]  # of each stage
    written: tuple[Token, ...]

    @property
    def n_bytes(self) -> int:
        """Memory that is held."""
        return sum(state.nbytes for state in self.states)


@torch.inference_mode()
def read_residuals(loaded: LoadedModel, read: ReadText) -> ResidualStream:
    """Run the model once over a text and keep its residual stream.

    Raises PlaygroundError where its layers cannot be looked into, and where what it computes is not a number.
    """
    anatomy, written = anatomy_of(loaded), written_tokens(loaded, read)
    target = [token.id for token in written] if loaded.spec.kind == "encoder-decoder" else ()
    kept: dict[LensStage, Float[torch.Tensor, "token d_model"]] = {}

    def keep(stage: LensStage, state: torch.Tensor, base: torch.Tensor | None = None) -> None:
        kept[stage] = state[0] if base is None else base + state[0].reshape(base.shape)

    with hooked(loaded.model) as hooks:
        for layer, block in enumerate(anatomy.blocks):
            before = LensStage("layer", layer - 1) if layer else LensStage("input")
            if not layer:
                hooks.before(block.module, lambda state: keep(LensStage("input"), state))
            if block.adds is not None:
                stage = LensStage("attention", layer)
                hooks.after(
                    block.adds[0], lambda state, stage=stage, before=before: keep(stage, state[None], kept[before])
                )
            hooks.after(block.module, lambda state, layer=layer: keep(LensStage("layer", layer), state))
        more = {"logits_to_keep": 1} if _keeps_logits(loaded) else {}
        hooks.model(**model_inputs(loaded, [token.id for token in read.tokens], target), **more)
    stages = [LensStage("input")]
    for layer in range(len(anatomy.blocks)):
        stages += [stage for part in ("attention", "layer") if (stage := LensStage(part, layer)) in kept]
    if bool(kept[stages[-1]].isnan().any()):
        raise not_a_number(loaded)
    return ResidualStream(tuple(stages), tuple(kept[stage] for stage in stages), written)


@torch.inference_mode()
def logit_lens(
    loaded: LoadedModel,
    stream: ResidualStream,
    position: int,
    *,
    parts: bool = False,
    tuned: TunedLens | None = None,
) -> LogitLens:
    """Return the candidates at each stage for the positions around `position`.

    parts: behind each layer's attention, too, where the architecture has such a place; a tuned lens has no map for it.
    tuned: brings each stage into the basis of the last one before it is read.
    """
    parts = parts and tuned is None
    anatomy = anatomy_of(loaded)
    n_tokens = len(stream.written)
    start = first_shown(position, n_tokens)
    stop = min(n_tokens, start + N_POSITIONS)
    wanted = [at for at, stage in enumerate(stream.stages) if parts or stage.part != "attention"]
    ids = [token.id for token in stream.written]
    following = torch.tensor([*ids[start + 1 : stop + 1], *([0] if stop == n_tokens else [])])
    states = [(stream.stages[at], stream.states[at][start:stop]) for at in wanted]
    rows = torch.cat([tuned.translate(stage, state) if tuned else state for stage, state in states])
    final = unembed(loaded, anatomy, stream.states[-1][start:stop]).float()
    answers = final.argmax(-1).cpu()
    n = stop - start
    # rows: (stage * position, d_model)
    read = _read_rows(loaded, anatomy, rows, answers.repeat(len(wanted)), following.repeat(len(wanted)))
    shape = (len(wanted), n)
    follows = read.following.reshape(shape)
    if stop == n_tokens:
        follows[:, -1] = np.nan
    names = {id: Token(id, *loaded.codec.candidate_text(id)) for id in set(read.ids.flatten().tolist())}
    candidates = tuple(
        tuple(tuple(names[id] for id in cell) for cell in stage) for stage in read.ids.reshape(*shape, -1).tolist()
    )
    has_parts = any(stage.part == "attention" for stage in stream.stages)
    return LogitLens(
        tokens=stream.written,
        start=start,
        stages=tuple(stream.stages[at] for at in wanted),
        candidates=candidates,
        probabilities=read.probabilities.reshape(*shape, -1),
        entropies_bits=read.entropies.reshape(shape),
        answer_ranks=read.ranks.reshape(shape),
        answer_probabilities=read.answers.reshape(shape),
        following_probabilities=follows,
        parts_absent="" if has_parts else PARTS_ABSENT,
        is_tuned=tuned is not None,
    )


@dataclass(frozen=True)
class _Rows:
    """What is read from rows of the residual stream."""

    ids: Int64[np.ndarray, "row candidate"]
    probabilities: Float32[np.ndarray, "row candidate"]
    entropies: Float32[np.ndarray, " row"]  # bits
    ranks: Int64[np.ndarray, " row"]  # of the answer
    answers: Float32[np.ndarray, " row"]  # its probability
    following: Float32[np.ndarray, " row"]  # the probability of the token that follows


def _read_rows(
    loaded: LoadedModel,
    anatomy: Anatomy,
    rows: Float[torch.Tensor, "row d_model"],
    answers: Int64[torch.Tensor, " row"],
    following: Int64[torch.Tensor, " row"],
) -> _Rows:
    n_rows = max(8, _LOGITS // max(1, loaded.spec.vocabulary_size))
    found: list[tuple[torch.Tensor, ...]] = []
    for at in range(0, len(rows), n_rows):
        logits = unembed(loaded, anatomy, rows[at : at + n_rows])  # (row, vocabulary)
        given = [ids[at : at + n_rows, None].to(logits.device) for ids in (answers, following)]
        n_read = max(1, _READ // logits.shape[-1])
        found += [_read_logits(*part) for part in zip(*(all.split(n_read) for all in (logits, *given)), strict=True)]
    return _Rows(*(torch.cat(column).cpu().numpy() for column in zip(*found, strict=True)))


def _read_logits(
    logits: Float[torch.Tensor, "row vocabulary"],
    answers: Int64[torch.Tensor, "row 1"],
    following: Int64[torch.Tensor, "row 1"],
) -> tuple[torch.Tensor, ...]:
    """Return the columns of _Rows for some rows of logits."""
    log_probs = logits.float().log_softmax(-1)
    best = log_probs.topk(min(N_CANDIDATES, logits.shape[-1]))
    own, follows = (log_probs.gather(1, ids) for ids in (answers, following))
    # As floats: torch counts booleans several times as slowly
    ranks = torch.gt(log_probs, own, out=torch.empty_like(log_probs)).sum(-1).long() + 1
    entropies = -(log_probs.exp().mul_(log_probs)).nan_to_num_(0.0).sum(-1) / np.log(2)
    return best.indices, best.values.exp(), entropies, ranks, own[:, 0].exp(), follows[:, 0].exp()


def _keeps_logits(loaded: LoadedModel) -> bool:
    return "logits_to_keep" in inspect.signature(loaded.model.forward).parameters
