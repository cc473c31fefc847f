"""What the weights in a folder are, read from their headers before anything of them is."""

import json
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from playground.records import PlaygroundError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
MOST_HEADER_BYTES = 100_000_000  # the format's own limit

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\.safetensors", re.ASCII)
_PICKLED = re.compile(r"\S+\.(bin|pt|pth|ckpt|pkl|pickle|h5|msgpack|ot|gguf|onnx)")


@dataclass(frozen=True)
class WeightCount:
    """The weights of a model as they lie on the disk; those that two of its parts share are there once."""

    n_parameters: int
    n_bytes: int
    dtypes: frozenset[str] = frozenset()  # as safetensors names them: "F32", "BF16"


def weight_files(folder: Path, model: str) -> tuple[Path, ...]:
    """Return the files that hold the weights in a folder: safetensors, all of them in this folder and there.

    Raises PlaygroundError where there are none, some are missing, or the index names what is elsewhere.
    """
    if (folder / WEIGHTS).is_file():
        return (folder / WEIGHTS,)
    if not (folder / INDEX).is_file():
        raise PlaygroundError(refuse_weights(model, [path.name for path in folder.iterdir()]))
    try:
        names = sorted(set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlaygroundError(f"{model} could not be loaded: the index of its weights cannot be read.") from error
    for name in names:
        if not _PLAIN_NAME.fullmatch(str(name)):
            raise PlaygroundError(f"{model} is not loaded: the index of its weights names a file elsewhere.")
        if not (folder / name).is_file():
            raise PlaygroundError(f"{model} could not be loaded: {name[:80]} is missing.")
    return tuple(folder / name for name in names)


def count_weights(files: tuple[Path, ...], model: str) -> WeightCount:
    """Return how many weights there are. Raises PlaygroundError where a file is damaged or cut off."""
    headers = [read_header(path, model)[0] for path in files]
    tensors = [tensor for header in headers for tensor in header.values()]
    return WeightCount(
        n_parameters=sum(prod(tensor["shape"]) for tensor in tensors),
        n_bytes=sum(path.stat().st_size for path in files),
        dtypes=frozenset(str(tensor.get("dtype")) for tensor in tensors),
    )


def refuse_weights(model: str, names: list[str]) -> str:
    """Return why a model without safetensors is not loaded, and which weights it has instead."""
    pickled = [name for name in sorted(names) if _PICKLED.fullmatch(name) and "training_args" not in name]
    why = f"{model} has no weights as safetensors, the only format that is loaded: reading others can run code."
    return f"{why} It has {pickled[0][:80]}." if pickled else why


def read_header(path: Path, model: str) -> tuple[dict[str, dict[str, Any]], int]:
    """Return the tensors that a file tells of, and the byte from which on their offsets count.

    A file begins with 8 bytes of length and JSON of {name: {dtype, shape, data_offsets}}. Raises PlaygroundError where
    it is damaged or cut off.
    """
    damaged = PlaygroundError(f"{model} could not be loaded: {path.name[:80]} is damaged or not all there.")
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(MOST_HEADER_BYTES, path.stat().st_size - 8):
            raise damaged
        try:
            header = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
            sizes = [size for tensor in header.values() for size in tensor["shape"]]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise damaged from error
    if end != path.stat().st_size - 8 - length or not all(type(size) is int and size >= 0 for size in sizes):
        raise damaged
    return header, 8 + length
