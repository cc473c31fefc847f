"""The unchanged model on the tokens before one, and copies of that text which begin at one of its layers.

What the layers below compute is the same for all copies, and is not computed again; nor is what nobody reads.
"""

import inspect
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import nn
from transformers.modeling_outputs import BaseModelOutput

from playground.analysis.token_loss import not_a_number, written_tokens
from playground.models.anatomy import Block, anatomy_of
from playground.models.hooks import Hooks, as_returned, hidden_output, hooked
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.records import ChangedKind, PlaygroundError, ReadText

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
        self.attended: dict[int, Any] = {}  # of each layer, the first of what the module of its heads returned, and all
        self.encoded: Float[torch.Tensor, "1 token d_model"] | None = None
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

    def log_probs(self, model: Any, n_copies: int) -> Float32[torch.Tensor, " copy"]:
        """Return the log-probability of the token in each of the copies that run."""
        return self.distributions(model, n_copies)[:, self.token_id]

    def distributions(self, model: Any, n_copies: int) -> Float32[torch.Tensor, "copy vocabulary"]:
        """Return the log-probabilities of all tokens there, in each of the copies."""
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
        hooks.fuse()

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

    def mean_outputs(self, layer: int) -> Float32[torch.Tensor, "head d_value"]:
        """Return what each head of a layer passes on in the mean over the tokens."""
        mixed, n_heads = self.mixed[layer], self.anatomy.blocks[layer].heads[self.kind].n_heads
        return mixed.reshape(-1, n_heads, mixed.shape[-1] // n_heads).float().mean(0)

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

    @property
    def _tolerance(self) -> float:
        return _TOLERANCE_NATS.get(self.loaded.model.dtype, _COARSE_TOLERANCE_NATS)

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
