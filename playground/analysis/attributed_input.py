"""The input of one prediction as vectors, so that it can be changed token by token and gradients taken of it.

What the model's embedding returns is replaced in a copy of its modules (models/hooks.py): that serves every family,
whatever it does with its embeddings, and no parameter is ever given a gradient.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float32

from playground.analysis.token_loss import not_a_number, written_tokens
from playground.attention.eager import run_eagerly
from playground.attention.interface import attend_with_weights, edit_calls, is_installed
from playground.attention.places import kind_of
from playground.models.hooks import Hooks, hooked
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.models.memory import is_memory_error
from playground.records import Baseline, PlaygroundError, ReadText, Token
from playground.records.sizes import say_bytes

_BATCH_BYTES = 512 * 2**20  # of all copies at a time
_MOST_BYTES = 5 * 2**30  # of one
_ATTENTION_BYTES = 2**30  # of all weights of one, with their gradients
_KEPT_VECTORS = 40  # as long as the residual stream, that a layer keeps for its gradients, of each token

# Of each text that the model reads
Vectors = list[Float[torch.Tensor, "copy _token _d_embedding"]]
Replacement = list[Float[torch.Tensor, "1 1 _d_embedding"]]  # what stands for a token that is not there


@dataclass(frozen=True, eq=False)
class Gradients:
    """A prediction and the gradients of its log-probability."""

    log_prob: float
    vectors: Vectors  # by the embeddings, of one copy
    looks: Float32[torch.Tensor, " token"] | None  # sums of weight times gradient over all looks at a token
    looks_absent: str  # why there are none


class AttributedInput:
    """What one prediction is made from: the tokens before it, of an encoder-decoder the source and those before it.

    Of an encoder all its text, with the predicted token under the mask. Raises PlaygroundError where nothing is
    predicted there.
    """

    def __init__(self, loaded: LoadedModel, read: ReadText, token: int) -> None:
        self.loaded, self.kind = loaded, loaded.spec.kind
        self.type_ids = read.type_ids
        source = tuple(read.tokens) if self.kind == "encoder-decoder" else ()
        if self.kind == "encoder":
            written, self.row = _masked(loaded, read, token), token
            self.predicted, self.sides = read.tokens[token], [[one.id for one in written]]
        else:
            written, self.row = written_tokens(loaded, read), -1
            if not 0 < token < len(written):
                raise PlaygroundError(
                    "Nothing stands before the first token, so nothing predicts it: select a later one"
                    + (", of the target." if source else ".")
                )
            self.predicted, before = written[token], [one.id for one in written[:token]]
            self.sides = [[one.id for one in source], before] if source else [before]
        self.tokens: tuple[Token, ...] = (*source, *written)
        self.predicted_at = len(source) + token
        self.n_inputs = sum(map(len, self.sides))
        self.modules = _embeddings(loaded)
        with torch.no_grad():
            self.vectors: Vectors = [
                module(torch.tensor([ids], device=loaded.model.device)).detach()
                for module, ids in zip(self.modules, self.sides, strict=True)
            ]
        self._check_size()

    def baseline(self, name: Baseline) -> Replacement:
        """Return what stands for a token that is not there: nothing, or the mean of all tokens' embeddings."""
        if name == "zero":
            return [torch.zeros_like(vectors[:, :1]) for vectors in self.vectors]
        found = []
        for module, ids, vectors in zip(self.modules, self.sides, self.vectors, strict=True):
            own = module.weight[ids].detach().float()  # (token, d_embedding)
            scale = float((own * vectors[0].float()).sum() / (own * own).sum().clamp_min(1e-12))  # of Gemma: sqrt(d)
            found.append((scale * module.weight.detach().float().mean(0))[None, None].to(vectors.dtype))
        return found

    @torch.no_grad()
    def log_probs(self, vectors: Vectors) -> Float32[torch.Tensor, " copy"]:
        """Return the log-probability of the predicted token in each copy."""
        with hooked(self.loaded.model) as hooks:
            return self._run(hooks, vectors)

    def sum_of_gradients(
        self, vectors: Vectors, weights: Float32[torch.Tensor, " copy"]
    ) -> list[Float32[torch.Tensor, "_token _d_embedding"]]:
        """Return the gradients by the embeddings, summed over the copies with weights."""
        found, _ = self._gradients(vectors, lambda log_probs: (log_probs * weights.to(log_probs.device)).sum())
        return [gradient.float().sum(0) for gradient in found]

    def gradients(self) -> Gradients:
        """Return the prediction with its gradients by embeddings and attention weights."""
        absent = self._looks_too_large()
        looks: list[tuple[int, Float[torch.Tensor, "1 head query key"]]] = []  # the side that is looked at; the weights
        if not absent:
            try:
                found, log_probs = self._gradients(self.vectors, torch.sum, looks)
                return self._as_record(found, log_probs, looks)
            except _NoLooksError:
                absent = f"The attention weights of {self.loaded.spec.architecture} cannot be followed."
        found, log_probs = self._gradients(self.vectors, torch.sum)
        return Gradients(float(log_probs[0]), found, None, absent)

    def n_copies(self, *, gradients: bool) -> int:
        """How many copies of the text run at a time."""
        return max(1, _BATCH_BYTES // max(1, self._bytes(gradients=gradients)))

    def _as_record(
        self, found: list[torch.Tensor], log_probs: Float32[torch.Tensor, " copy"], looks: list[Any]
    ) -> Gradients:
        sums = [torch.zeros(len(ids)) for ids in self.sides]
        for (side, weights), gradient in zip(looks, found[len(self.sides) :], strict=True):
            seen = (weights.detach().float() * gradient.float()).sum((0, 1, 2))  # (key,)
            sums[side] += seen.cpu()
        return Gradients(float(log_probs[0]), found[: len(self.sides)], torch.cat(sums), "")

    def _gradients(
        self,
        vectors: Vectors,
        total: Callable[[Float32[torch.Tensor, " copy"]], Float32[torch.Tensor, ""]],
        looks: list[Any] | None = None,
    ) -> tuple[list[torch.Tensor], Float32[torch.Tensor, " copy"]]:
        """Return the gradients of `total` of the log-probabilities, and these; `looks` is filled, its gradients follow.

        Raises _NoLooksError where weights are not what the prediction was made from.
        """
        try:
            with torch.enable_grad(), hooked(self.loaded.model) as hooks:
                leaves = [one.detach().clone().requires_grad_() for one in vectors]
                log_probs = self._run(hooks, leaves, looks)
                if looks is not None and (not looks or not all(weights.requires_grad for _, weights in looks)):
                    raise _NoLooksError
                wanted = [*leaves, *(weights for _, weights in looks or ())]
                found = torch.autograd.grad(total(log_probs), wanted, allow_unused=looks is not None)
        except RuntimeError as error:  # so torch says both: an operation has no gradient, and memory has run out
            if is_memory_error(error):
                raise PlaygroundError("There is not enough memory for the gradients: take a shorter text.") from error
            if looks is not None:
                raise _NoLooksError from error
            raise PlaygroundError(
                f"Gradients cannot be taken through {self.loaded.spec.name} ({self.loaded.spec.architecture})."
            ) from error
        if any(gradient is None for gradient in found):
            raise _NoLooksError
        if not all(bool(gradient.isfinite().all()) for gradient in found):
            raise PlaygroundError(
                f"The gradients of {self.loaded.spec.name} are not numbers here (NaN or infinite), so no token can be "
                "said to have made this prediction: try --dtype float32, or another token."
            )
        return list(found), log_probs.detach()

    def _run(self, hooks: Hooks, vectors: Vectors, looks: list[Any] | None = None) -> Float32[torch.Tensor, " copy"]:
        """Return the log-probability of the predicted token in each copy; `looks` is filled with all weights."""
        left = {module: [] for module in self.modules}
        for module, of_side in zip(self.modules, vectors, strict=True):  # source and target may share one
            left[module].append(of_side)
        for module, waiting in left.items():
            hooks.after(module, lambda output, waiting=waiting: self._replace(output, waiting))
        inputs = model_inputs(self.loaded, *self.sides, n_copies=len(vectors[0]))
        if self.type_ids and self.kind == "encoder":
            inputs["token_type_ids"] = torch.tensor([self.type_ids], device=inputs["input_ids"].device).expand_as(
                inputs["input_ids"]
            )
        if self.keeps_logits:
            inputs["logits_to_keep"] = 1
        logits = hooks.model(**inputs).logits if looks is None else self._run_with_looks(hooks, inputs, looks)
        if any(left.values()):
            raise PlaygroundError(f"The embeddings of {self.loaded.spec.architecture} cannot be replaced.")
        log_probs = logits[:, self.row].float().log_softmax(-1)[:, self.predicted.id]
        if bool(log_probs.isnan().any()):
            raise not_a_number(self.loaded)
        return log_probs

    def _replace(self, output: torch.Tensor, waiting: list[torch.Tensor]) -> torch.Tensor | None:
        if not waiting or output.shape != waiting[0].shape:
            return None
        return waiting.pop(0)

    def _run_with_looks(
        self, hooks: Hooks, inputs: dict[str, Any], looks: list[Any]
    ) -> Float[torch.Tensor, "copy token vocabulary"]:
        """Run with attention that gives its weights, which stay part of what gradients are taken of."""
        if not is_installed(self.loaded.model):
            if self.kind == "encoder-decoder":
                raise _NoLooksError
            size = (self.n_inputs, self.n_inputs)
            output, _ = run_eagerly(self.loaded.model, hooks.model, inputs, {"self": size})
            for weights in output.get("attentions") or ():
                self._keep(looks, 0, weights)
            return output.logits

        def edit(side: int, *args: Any, **kwargs: Any) -> Any:
            output, weights = attend_with_weights(*args, **kwargs)
            self._keep(looks, side, weights)
            return output, weights

        for name, module in self.loaded.model.named_modules():
            side = int(self.kind == "encoder-decoder" and kind_of(module, name) == "decoder")
            edit_calls(hooks.twin(module), lambda _, *args, side=side, **kwargs: edit(side, *args, **kwargs))
        return hooks.model(**inputs).logits

    def _keep(self, looks: list[Any], side: int, weights: Any) -> None:
        if not isinstance(weights, torch.Tensor) or weights.dim() != 4 or weights.shape[-1] != len(self.sides[side]):
            raise _NoLooksError
        looks.append((side, weights))

    @property
    def keeps_logits(self) -> bool:
        """Whether the model can be asked for the last logits alone."""
        return self.row == -1 and "logits_to_keep" in inspect.signature(self.loaded.model.forward).parameters

    def _bytes(self, *, gradients: bool) -> int:
        """Return about how much memory one copy takes."""
        spec, item = self.loaded.spec, self.loaded.model.dtype.itemsize
        n_layers = spec.n_layers * len(self.sides)
        kept = _KEPT_VECTORS * spec.d_model * item * (n_layers if gradients else 1)
        n_logits = 1 if self.keeps_logits else len(self.sides[-1])
        return self.n_inputs * kept + n_logits * spec.vocabulary_size * (4 + item) * (2 if gradients else 1)

    def _check_size(self) -> None:
        if (needed := self._bytes(gradients=True)) > _MOST_BYTES:
            raise PlaygroundError(
                f"The gradients of {self.n_inputs} tokens would take about {say_bytes(needed)} of memory, "
                f"{say_bytes(_MOST_BYTES)} may be used: select an earlier token, or take a shorter text."
            )

    def _looks_too_large(self) -> str:
        spec, item = self.loaded.spec, self.loaded.model.dtype.itemsize
        needed = 4 * item * spec.n_layers * max(1, spec.n_query_heads) * self.n_inputs**2
        if needed <= _ATTENTION_BYTES:
            return ""
        return f"All attention weights with their gradients would take about {say_bytes(needed)} of memory."


class _NoLooksError(Exception):
    """The weights of attention cannot be had as a part of the computation."""


def _masked(loaded: LoadedModel, read: ReadText, token: int) -> tuple[Token, ...]:
    """Return the text of an encoder with one token under the mask."""
    id = getattr(loaded.tokenizer, "mask_token_id", None)
    if id is None:
        raise PlaygroundError(f"{loaded.spec.name} has no mask token, so it predicts no token from those around it.")
    mask = Token(int(id), read.tokens[token].text, str(loaded.tokenizer.mask_token), special=True)
    return tuple(mask if at == token else one for at, one in enumerate(read.tokens))


def _embeddings(loaded: LoadedModel) -> list[Any]:
    """Return what turns ids into vectors, for each text that the model reads."""
    model: Any = loaded.model
    parts: Sequence[Any] = [model]
    if loaded.spec.kind == "encoder-decoder":
        parts = [model.get_encoder(), model.get_decoder()]
    found = [part.get_input_embeddings() for part in parts]
    if not all(isinstance(getattr(module, "weight", None), torch.Tensor) for module in found):
        raise PlaygroundError(f"The embeddings of {loaded.spec.architecture} cannot be replaced.")
    return found
