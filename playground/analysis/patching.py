"""Activation patching, as in causal tracing (Meng et al. 2022, arXiv 2202.05262): one swap of an activation at a time.

Where a swap brings the other text's prediction, the model holds there what tells the two texts apart.
"""

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import nn

from playground.analysis.original import Original
from playground.analysis.token_loss import written_tokens
from playground.models.anatomy import Block
from playground.models.hooks import hooked
from playground.models.loading import LoadedModel
from playground.records import Candidate, PatchedPart, PatchedPrediction, PatchingMap, PlaygroundError, ReadText, Token

N_CANDIDATES = 8


class _Pair:
    """Two texts of one length, and what the parts of each layer computed of the other one."""

    def __init__(self, loaded: LoadedModel, read: ReadText, other: ReadText, token: int, part: PatchedPart) -> None:
        written, other_written = written_tokens(loaded, read), written_tokens(loaded, other)
        if not 0 < token < len(written):
            raise PlaygroundError(
                "Nothing stands before the first token, so nothing can be swapped: select a later one."
            )
        if len(other_written) not in (token, len(written)):
            raise PlaygroundError(
                f"The other text has {len(other_written)} tokens; it must have {token}, as stand before the selected "
                f"one, or {len(written)} as the whole text: swaps need the same places in both."
            )
        self.loaded, self.part = loaded, part
        self.tokens: tuple[Token, ...] = written[:token]
        self.other_tokens: tuple[Token, ...] = other_written[:token]
        padded = (*self.other_tokens, written[token])
        changed = ReadText(other.tokens, padded) if loaded.spec.kind == "encoder-decoder" else ReadText(padded)
        with torch.inference_mode():
            self.own = Original(loaded, read, token, "self")
            self.other = Original(loaded, changed, token, "self")
            self.modules = [self._module(block) for block in self.own.anatomy.blocks]
            self.states: dict[int, Float[torch.Tensor, "token d_model"]] = {}  # of each layer, of the other text
            with hooked(loaded.model) as hooks:
                for layer, module in enumerate(self.modules):
                    hooks.after(module, lambda state, layer=layer: self._keep(layer, state))
                self.other_log_probs = self.other.distributions(hooks.model, 1)[0]
            self.log_probs = self.own.distributions(loaded.model, 1)[0]

    def swapped(
        self, layer: int, positions: Sequence[int], *, checked: bool = False
    ) -> Float32[torch.Tensor, "position vocabulary"]:
        """Return the log-probabilities with a swap at each of some positions.

        checked: one more copy runs without a swap, which must give what the model gives
        """
        n_copies = len(positions) + checked

        def swap(state: torch.Tensor) -> torch.Tensor:
            changed = state.reshape(n_copies, len(self.tokens), -1).clone()
            for copy, position in enumerate(positions):
                changed[copy, position] = self.states[layer][position]
            return changed.reshape(state.shape)

        with torch.inference_mode(), hooked(self.loaded.model) as hooks:
            self.own.start_at(hooks, layer, n_copies)
            if layer < len(self.modules) - 1:  # a swap in the last one may be at any place
                self.own.narrow(hooks)
            hooks.after(self.modules[layer], swap)
            found = self.own.distributions(hooks.model, n_copies)
        if checked:
            self.own.check_same(float(found[-1, self.own.token_id]))
        return found[: len(positions)]

    def _module(self, block: Block) -> nn.Module:
        if self.part == "layer":
            return block.module
        if block.adds is None:
            raise PlaygroundError(
                f"The layers of {self.loaded.spec.architecture} do not simply add what attention and MLP give, so "
                "these cannot be swapped alone: swap the residual stream."
            )
        return block.adds[self.part == "mlp"]

    def _keep(self, layer: int, state: torch.Tensor) -> None:
        self.states[layer] = state.reshape(len(self.tokens), -1).clone()


def patching_map(
    loaded: LoadedModel, read: ReadText, other: ReadText, token: int, part: PatchedPart, cancel: threading.Event
) -> Iterator[PatchingMap]:
    """Yield how each swap changes the likeliest next token of the other text, more swaps each time, top layer first.

    The positions of a layer run as copies of the text; what the layers below computed is not computed again. Setting
    `cancel` ends it after the copies that run. Raises PlaygroundError for texts of different length, and where the
    model's parts cannot be swapped.
    """
    pair = _Pair(loaded, read, other, token, part)
    answer = int(pair.other_log_probs.argmax())
    log_prob = float(pair.log_probs[answer])
    named = Token(answer, *loaded.codec.candidate_text(answer))
    changes = np.full((len(pair.modules), token), np.nan, np.float32)
    n_copies, n_done = max(1, pair.own.n_copies), 0
    for layer in reversed(range(len(pair.modules))):
        for start in range(0, token, n_copies):
            if cancel.is_set():
                return
            positions = range(start, min(start + n_copies, token))
            found = pair.swapped(layer, positions, checked=not n_done)[:, answer]
            changes[layer, start : positions.stop] = (found - log_prob).cpu().numpy()
            n_done += len(positions)
            other_log_prob = float(pair.other_log_probs[answer])
            yield PatchingMap(
                pair.tokens, pair.other_tokens, part, named, log_prob, other_log_prob, changes.copy(), n_done
            )


def patched_prediction(
    loaded: LoadedModel, read: ReadText, other: ReadText, token: int, part: PatchedPart, place: tuple[int, int]
) -> PatchedPrediction:
    """Return the next token with one activation swapped in; place: layer and position. Raises as patching_map."""
    pair, (layer, position) = _Pair(loaded, read, other, token, part), place
    if not (0 <= layer < len(pair.modules) and 0 <= position < token):
        raise PlaygroundError(f"There is no layer {layer} at token {position} here.")
    patched = pair.swapped(layer, [position])[0]
    best = [probs.topk(min(N_CANDIDATES, len(probs))).indices.tolist() for probs in (pair.log_probs, patched)]
    candidates = tuple(
        Candidate(id, *loaded.codec.candidate_text(id), float(pair.log_probs[id].exp()), float(patched[id].exp()))
        for id in dict.fromkeys([*best[0], *best[1]])
    )
    return PatchedPrediction(layer, position, candidates)
