"""A language model made smaller, beside itself as it is."""

import threading
from collections.abc import Iterator
from dataclasses import replace

from playground.analysis.compression import Fidelity, compress, measure_pair, prepare, shorten
from playground.analysis.cost import model_cost
from playground.analysis.distillation import has_student, left_out_layers
from playground.analysis.speed import measure_speeds
from playground.analysis.text_metrics import compare_runs
from playground.attention.attention import Attention
from playground.attention.capture import capture_attention
from playground.decoding.run import DecodingRun
from playground.language_model.texts import GivenText, Reader
from playground.models.loading import LoadedModel
from playground.records import (
    AttentionKind,
    CompressedModel,
    Compression,
    CompressionProgress,
    GenerationSettings,
    HeadMap,
    ModelCost,
    ModelMeasures,
    PlaygroundError,
    ReadText,
    Speed,
)

HeadPlace = tuple[AttentionKind, int, int]  # kind, layer (counted over those of the kind), head
MOST_WRITTEN_BY_BOTH = 64  # tokens


class Compressing(Reader):
    """Compresses copies of a model, and tells what it costs to run it."""

    def compare_compressed(
        self,
        text: GivenText,
        compression: Compression,
        *,
        prompt: str = "",
        settings: GenerationSettings | None = None,
        head: HeadPlace | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[CompressionProgress | CompressedModel]:
        """Yield how far it is, and last a compressed copy beside the model; nothing of it if it was stopped before.

        prompt, settings: what both write from; head: whose maps are kept. Raises PlaygroundError for what cannot be
        done, with the reason.
        """
        cancel = cancel or threading.Event()
        read, n_left_out = shorten(self.loaded, self._read_checked(text))
        for event in prepare(self.loaded, read, compression, cancel):
            if isinstance(event, Compression):
                compression = event
                break
            yield event
        if cancel.is_set():
            return
        yield CompressionProgress("compressing", 0, 1)
        copy = compress(self.loaded, compression)
        found: tuple[ModelMeasures, ModelMeasures, Fidelity] | None = None
        for event in measure_pair(self.loaded, copy, read, cancel):
            if isinstance(event, CompressionProgress):
                yield event
            else:
                found = event
        if found is None:
            return
        yield CompressionProgress("writing with both", 0, 1)
        settings = settings or GenerationSettings()
        settings = replace(settings, max_new_tokens=min(settings.max_new_tokens, MOST_WRITTEN_BY_BOTH))
        both = (self.loaded, copy) if prompt else ()
        runs = [DecodingRun(one, prompt, settings, cancel).complete() for one in both]
        if cancel.is_set():
            return
        maps, maps_absent = self._maps(copy, compression, read, head)
        original, compressed, fidelity = found
        yield CompressedModel(
            compression=compression,
            original=original,
            compressed=compressed,
            n_tokens=fidelity.n_tokens,
            n_left_out=n_left_out,
            divergence_nats=fidelity.divergence_nats,
            agreement=fidelity.agreement,
            runs=compare_runs(runs),
            maps=maps,
            maps_absent=maps_absent,
        )

    def compressed_maps(self, text: GivenText, compression: Compression, head: HeadPlace) -> tuple[HeadMap, HeadMap]:
        """Return one head's map in the model and in a compressed copy of it.

        Raises PlaygroundError where the copy does not have this head's layer.
        """
        read, _ = shorten(self.loaded, self._read_checked(text))
        maps, absent = self._maps(compress(self.loaded, compression), compression, read, head)
        if maps is None:
            raise PlaygroundError(absent)
        return maps

    def cost(self) -> ModelCost:
        """Return what the model computes, reads and keeps for each token."""
        return model_cost(self.loaded)

    def measure_speed(self, text: GivenText, cancel: threading.Event | None = None) -> Iterator[Speed]:
        """Yield how fast the model writes behind a text, after each of a few rounds."""
        read, _ = shorten(self.loaded, self._read_checked(text))
        for speeds in measure_speeds((self.loaded,), read, cancel or threading.Event()):
            yield speeds[0]

    @property
    def has_student(self) -> bool:
        """Whether a distilled student came with the model."""
        return has_student(self.loaded)

    def _left_out(self, compression: Compression) -> tuple[int, ...]:
        """Return the layers that a copy does not have."""
        if compression.method == "dropped":
            return compression.layers
        return left_out_layers(self.loaded) if compression.method in ("distilled", "student") else ()

    def _maps(
        self, copy: LoadedModel, compression: Compression, read: ReadText, head: HeadPlace | None
    ) -> tuple[tuple[HeadMap, HeadMap] | None, str]:
        """Return one head's map in both; else why there is none."""
        if head is None:
            return None, "No head is selected."
        kind, layer, number = head
        try:
            own, other = (_attention_of(one, read) for one in (self.loaded, copy))
            first = own.head_map(layer, number, kind)
            place = first.layers[layer] if first.layers else layer
            dropped = self._left_out(compression) if kind != "encoder" else ()
            if place in dropped:
                return None, f"Layer {place}, whose head {number} is selected, is not in this copy."
            moved = place - sum(layer < place for layer in dropped)
            return (first, other.head_map(other.layer_indices(kind).index(moved), number, kind)), ""
        except PlaygroundError as error:
            return None, str(error)


def _attention_of(loaded: LoadedModel, read: ReadText) -> Attention:
    target = tuple(token.id for token in read.target_tokens) or None
    capture = capture_attention(loaded, tuple(token.id for token in read.tokens), target)
    return Attention(capture, read.tokens, read.target_tokens, loaded.model)
