"""Which heads matter here: each switched off alone, many copies of the text at a time."""

import inspect
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn
from transformers.modeling_outputs import BaseModelOutput

from playground.analysis.changes import check_used, set_outputs
from playground.analysis.token_loss import not_a_number, written_tokens
from playground.attention.edits import AttentionEdit
from playground.attention.interface import edit_calls, is_installed
from playground.models.anatomy import Anatomy, Block, anatomy_of
from playground.models.hooks import Hooks, as_returned, hidden_output, hooked
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.records import (
    AttentionExplains,
    ChangedKind,
    HeadImportance,
    HeadRows,
    HeadsOff,
    PlaygroundError,
    ReadText,
)

_TOKENS = 4096  # of all copies at a time
_LOGITS = 2**26  # of all copies at a time, where a model computes all of them
_TOLERANCE_NATS = {torch.float32: 1e-2}
_COARSE_TOLERANCE_NATS = 0.25  # bfloat16 and float16


class Original:
    """What the unchanged model computes of the tokens before one: all that the layers below a head have in common."""

    def __init__(self, loaded: LoadedModel, read: ReadText, token: int, kind: ChangedKind) -> None:
        written = written_tokens(loaded, read)
        self.loaded, self.anatomy = loaded, anatomy_of(loaded)
        self.kind: ChangedKind = kind
        self.source = [one.id for one in read.tokens]
        self.ids = [one.id for one in written[:token]]
        self.token_id = written[token].id
        self.returned: dict[int, Any] = {}  # of each layer
        self.mixed: dict[int, torch.Tensor] = {}  # of each layer, what its heads pass on, one behind the other
        self.attended: dict[int, Any] = {}  # of each layer, what the module of these heads returned
        self.encoded: torch.Tensor | None = None
        if loaded.spec.kind == "encoder-decoder":
            given = model_inputs(loaded, self.source)
            given.pop("use_cache")
            self.encoded = loaded.model.get_encoder()(**given).last_hidden_state
        with hooked(loaded.model) as hooks:
            for layer, block in enumerate(self.anatomy.blocks):
                hooks.watch(
                    block.module, lambda *_: None, lambda out, layer=layer: self.returned.__setitem__(layer, out)
                )
                if (heads := block.heads.get(kind)) is not None:
                    hooks.before(heads.projection, lambda mixed, layer=layer: self.mixed.__setitem__(layer, mixed))
                    hooks.watch(heads.attention, lambda *_: None, partial(self._keep_attended, layer))
            self.log_prob = float(self.log_probs(hooks.model, 1)[0])
        if np.isnan(self.log_prob):
            raise not_a_number(loaded)
        self.is_narrow = self._can_be_narrow()

    def log_probs(self, model: Any, n_copies: int) -> torch.Tensor:
        """Return the log-probability of the token in each of the copies that run  # float32 (copy,)."""
        return self.distributions(model, n_copies)[:, self.token_id]

    def distributions(self, model: Any, n_copies: int) -> torch.Tensor:
        """Return the log-probabilities of all tokens there, in each of the copies  # float32 (copy, vocabulary)."""
        if self.encoded is not None:
            inputs = model_inputs(self.loaded, self.source, self.ids, n_copies)
            del inputs["input_ids"]
            inputs["encoder_outputs"] = BaseModelOutput(last_hidden_state=self.encoded.expand(n_copies, -1, -1))
        else:
            inputs = model_inputs(self.loaded, self.ids, n_copies=n_copies)
        if self.keeps_logits:
            inputs["logits_to_keep"] = 1
        return model(**inputs).logits[:, -1].float().log_softmax(-1)

    def start_at(self, hooks: Hooks, layer: int, n_copies: int) -> None:
        """Let the layers below one return to each copy what they returned to the original."""
        for below in range(layer):
            returned = self.returned[below]
            state = (returned[0] if isinstance(returned, tuple | list) else returned).expand(n_copies, -1, -1)
            hooks.replace(
                self.anatomy.blocks[below].module,
                lambda *_, returned=returned, state=state, **__: as_returned(returned, state),
            )

    def attend(self, hooks: Hooks, layer: int, n_copies: int) -> None:
        """Let the heads of a layer pass on to each copy what they passed on in the original: all read the same there.

        What they are told to pass on instead comes behind it (set_outputs). Nothing is done where the module of the
        heads returns something else than what they pass on, or the projection of it.
        """
        heads, mixed = self.anatomy.blocks[layer].heads[self.kind], self.mixed[layer]
        hidden, returned = self.attended[layer]
        if not (isinstance(hidden, torch.Tensor) and hidden.dim() == mixed.dim() == 3):
            return
        projection: Any = hooks.twin(heads.projection)
        if hidden.shape == mixed.shape and torch.equal(hidden, mixed):
            projection = nn.Identity()  # it follows outside of the module
        elif not torch.allclose(hidden, heads.projection(mixed)):
            return
        copies = mixed.repeat(n_copies, 1, 1)
        hooks.replace(heads.attention, lambda *_, **__: as_returned(returned, projection(copies)))

    def narrow(self, hooks: Hooks) -> None:
        """Let the last layer compute what follows its attention for the last token alone, which alone is read."""
        if self.is_narrow:
            _narrow(hooks, self.anatomy.blocks[-1])

    def _can_be_narrow(self) -> bool:
        """Whether the last layer gives the same for its last token where it computes only that."""
        with hooked(self.loaded.model) as hooks:
            last = len(self.anatomy.blocks) - 1
            try:
                _narrow(hooks, self.anatomy.blocks[last])
                self.start_at(hooks, last, 2)
                found = self.log_probs(hooks.model, 2)
            except Exception:  # a layer that needs all tokens, or its states in one form, fails in its own way
                return False
        return bool(((found - self.log_prob).abs() <= self._tolerance).all())

    def _keep_attended(self, layer: int, returned: Any) -> None:
        hidden = hidden_output(returned)  # a copy of it: some models add to it in place
        self.attended[layer] = hidden.clone() if isinstance(hidden, torch.Tensor) else None, returned

    @property
    def means(self) -> dict[int, torch.Tensor]:
        """What each head of a layer passes on in the mean over the tokens  # of each layer (head, d_value)."""
        return {
            layer: mixed.reshape(-1, heads.n_heads, mixed.shape[-1] // heads.n_heads).float().mean(0)
            for layer, mixed in self.mixed.items()
            if (heads := self.anatomy.blocks[layer].heads[self.kind])
        }

    @property
    def _tolerance(self) -> float:
        return _TOLERANCE_NATS.get(self.loaded.model.dtype, _COARSE_TOLERANCE_NATS)

    def check_same(self, log_prob: float) -> None:
        """Raise PlaygroundError where a copy without a change, begun at a layer, gives not what the model gives."""
        if not abs(log_prob - self.log_prob) <= self._tolerance:
            raise PlaygroundError(
                f"The layers of {self.loaded.spec.architecture} cannot be run apart from each other, so its parts are "
                "not measured one by one. Switch some of them off above."
            )

    @property
    def keeps_logits(self) -> bool:
        """Whether the model can be asked for the last logits alone."""
        return "logits_to_keep" in inspect.signature(self.loaded.model.forward).parameters

    @property
    def n_copies(self) -> int:
        """How many copies of the text run at a time."""
        most = max(1, _TOKENS // len(self.ids))
        if not self.keeps_logits:
            most = min(most, max(1, _LOGITS // (len(self.ids) * max(1, self.loaded.spec.vocabulary_size))))
        return most


def _narrow(hooks: Hooks, block: Block) -> None:
    """Keep the last token alone of what heads pass on and of what the MLP reads; what they give is added to all."""
    if block.adds is None:
        raise ValueError("Its parts are not simply added.")
    for module in (*(heads.projection for heads in block.heads.values()), block.adds[1]):
        hooks.before(module, _last_token)


def _last_token(state: torch.Tensor) -> torch.Tensor:
    if state.dim() != 3:
        raise ValueError("Its tokens lie one behind the other, with those of other copies.")
    return state[:, -1:]


def head_importance(
    loaded: LoadedModel, read: ReadText, token: int, how: HeadsOff, kind: ChangedKind, cancel: threading.Event
) -> Iterator[HeadImportance]:
    """Yield how each head changes the log-probability of a token when it is off, more heads each time, top layer first.

    The heads of a layer run as copies of the text; what the layers below computed is the same for all and is not
    computed again. Setting `cancel` ends it after the copies that run. Raises PlaygroundError for the first token,
    which is not predicted, and where the model's heads cannot be switched off.
    """
    anatomy = anatomy_of(loaded)
    written = written_tokens(loaded, read)
    if not 0 < token < len(written):
        raise PlaygroundError("Nothing stands before the first token, so no head chose it: select a later one.")
    if how == "uniform" and not is_installed(loaded.model):
        raise PlaygroundError(f"The attention of {loaded.spec.architecture} cannot be made uniform: take zero or mean.")
    layers = [layer for layer, block in enumerate(anatomy.blocks) if kind in block.heads]
    n_heads = sum(anatomy.blocks[layer].heads[kind].n_heads for layer in layers)
    if not layers:
        raise PlaygroundError(f"{loaded.spec.name} has no heads of this kind that can be switched off.")
    with torch.inference_mode():  # not around the whole: between two maps the caller runs
        original = Original(loaded, read, token, kind)
    widest = max(anatomy.blocks[layer].heads[kind].n_heads for layer in layers)
    changes = np.full((len(anatomy.blocks), widest), np.nan, np.float32)
    n_done = 0
    for layer in reversed(layers):
        heads = list(range(anatomy.blocks[layer].heads[kind].n_heads))
        for start in range(0, len(heads), original.n_copies):
            if cancel.is_set():
                return
            off = heads[start : start + original.n_copies]
            changes[layer, off] = _changes_of(original, anatomy, layer, off, how, checked=not n_done)
            n_done += len(off)
            yield HeadImportance(written, token, how, kind, original.log_prob, changes.copy(), n_done, n_heads)


@torch.inference_mode()
def _changes_of(
    original: Original, anatomy: Anatomy, layer: int, off: list[int], how: HeadsOff, *, checked: bool
) -> np.ndarray:
    """Return the change for each of some heads of one layer  # float32 [head].

    checked: a copy with all heads runs with them, which must give what the model gives.
    """
    loaded, n_copies = original.loaded, len(off) + checked
    block = anatomy.blocks[layer]
    heads = block.heads[original.kind]
    with hooked(loaded.model) as hooks:
        original.start_at(hooks, layer, n_copies)
        original.narrow(hooks)
        hooks.fuse()
        edits = []
        if how == "uniform":
            edits.append(AttentionEdit(list(enumerate(off))))
            edit_calls(hooks.twin(heads.attention), edits[0])
        else:
            original.attend(hooks, layer, n_copies)
            set_outputs(hooks, heads, list(enumerate(off)), original.means[layer] if how == "mean" else None)
        log_probs = original.log_probs(hooks.model, n_copies)
        check_used(loaded, edits)
    if checked:
        original.check_same(float(log_probs[-1]))
    return (log_probs[: len(off)] - original.log_prob).cpu().numpy()


def compare_with_attention(importance: HeadImportance, rows: HeadRows) -> AttentionExplains:
    """Return how strongly each head looks from where a token is predicted, and whether those heads matter.

    rows: where the heads look from there. The first token, on which heads rest that have nothing to look for (Xiao et
    al. 2023, arXiv 2309.17453), is left out. Attention need not explain: Jain & Wallace 2019, arXiv 1902.10186.
    """
    weights = np.full(importance.changes.shape, np.nan, np.float32)
    n_heads = importance.changes.shape[1]
    for place, layer in enumerate(rows.layers):
        if layer < len(weights):
            looked = rows.weights[place, :n_heads, 1:]
            weights[layer, : len(looked)] = looked.max(axis=-1, initial=0.0)
    known = ~np.isnan(weights) & ~np.isnan(importance.changes)
    sizes = np.abs(importance.changes[known])
    if known.sum() < 3 or np.ptp(sizes) == 0 or np.ptp(weights[known]) == 0:
        return AttentionExplains(importance, weights, float("nan"), float("nan"))
    found: Any = spearmanr(weights[known], sizes)
    return AttentionExplains(importance, weights, float(found.statistic), float(found.pvalue))
