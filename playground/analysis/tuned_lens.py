"""The tuned lens: an affine map a layer, learned to bring the residual stream into the basis of the last one.

Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens" (arXiv 2303.08112).
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open

from playground.models.loading import LoadedModel
from playground.records import LensStage, PlaygroundError

FILE = "tuned_lens.safetensors"  # beside a model's own weights
MOST_BYTES = 2_000_000_000
ABSENT = (
    "There is no tuned lens for {name}: put its file, "
    + FILE
    + ", beside the model's weights. It holds, of each layer "
    'from 0 on, "0.weight" and "0.bias", as the tuned-lens project names them.'
)


@dataclass(frozen=True, eq=False)
class TunedLens:
    """Of each layer, what is added to what it is given, before the final norm reads it: x + W x + b."""

    weights: tuple[Float[torch.Tensor, "d_model d_model"], ...]
    biases: tuple[Float[torch.Tensor, " d_model"], ...]

    def translate(
        self, stage: LensStage, states: Float[torch.Tensor, "row d_model"]
    ) -> Float[torch.Tensor, "row d_model"]:
        """Return states as the last layer would write them.

        What a layer returns is what the next one is given; that of the last layer stays as it is.
        """
        layer = 0 if stage.part == "input" else stage.layer + 1
        if layer == len(self.weights):
            return states
        weight, bias = (map[layer].to(states.device, torch.float32) for map in (self.weights, self.biases))
        return states + (states.float() @ weight.T + bias).to(states.dtype)


def read_tuned_lens(path: str | Path, loaded: LoadedModel) -> TunedLens:
    """Read the maps of a model from a safetensors file.

    Raises PlaygroundError, with what is wrong, where the file is none, or was made for another model.
    """
    spec, width = loaded.spec, loaded.model.get_input_embeddings().weight.shape[-1]
    wanted = {f"{layer}.{part}" for layer in range(spec.n_layers) for part in ("weight", "bias")}
    shapes = {"weight": [width, width], "bias": [width]}
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            raise PlaygroundError(f"The file of a tuned lens may have {MOST_BYTES / 1e9:.0f} GB at most.")
        with safe_open(path, "pt") as file:
            names = set(file.keys())
            if missing := sorted(wanted - names):
                raise PlaygroundError(
                    f"This is no tuned lens for {spec.name}, which has {spec.n_layers} layers: the file has no "
                    f"{missing[0]!r}."
                )
            for name in wanted:
                if (shape := file.get_slice(name).get_shape()) != shapes[name.partition(".")[2]]:
                    raise PlaygroundError(
                        f"This is no tuned lens for {spec.name}, whose width is {width}: {name!r} is {shape}."
                    )
            tensors = {name: file.get_tensor(name) for name in wanted}
    except (OSError, SafetensorError) as error:
        raise PlaygroundError(f"This is no safetensors file, or a damaged one: {str(error)[:120]}.") from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise PlaygroundError("This tuned lens is damaged: it holds what is not a number.")
    layers = range(spec.n_layers)
    return TunedLens(
        tuple(tensors[f"{layer}.weight"] for layer in layers), tuple(tensors[f"{layer}.bias"] for layer in layers)
    )


def own_tuned_lens(loaded: LoadedModel) -> Path | None:
    """Return the file that came with a model, None where none did."""
    file = None if loaded.folder is None else loaded.folder / FILE
    return file if file is not None and file.is_file() else None
