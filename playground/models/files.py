"""Weights read from their files tensor by tensor, straight to where they stay, not mapped into memory as a whole.

A file that is mapped counts as memory with all of its pages that were looked at, until the last tensor has been read:
a model in float32 whose file is in bfloat16 then takes one and a half times its weights while it loads. What stays in
another dtype than it is stored in is converted piece by piece: the embeddings of GPT-2, read as float32, are more than
half as large as the whole model in bfloat16.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from io import FileIO
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import core_model_loading, modeling_utils

from playground.models.weights import read_header

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_LARGE_BYTES = 1 << 16
_PIECE_BYTES = 1 << 22
_reads = ContextVar("reads", default=False)


@contextmanager
def files_read() -> Iterator[None]:
    """Let transformers read safetensors in this context, not map them; whatever else loads meanwhile is let alone."""
    token = _reads.set(True)
    try:
        yield
    finally:
        _reads.reset(token)


@dataclass(frozen=True, eq=False)
class _StoredTensor:
    """A tensor in a file, in place of safetensors' own slice of it, to which all but reading the whole is left."""

    path: Path
    begin: int  # byte of the file
    shape: tuple[int, ...]
    dtype: torch.dtype
    slice: Any

    def __getitem__(self, index: Any) -> torch.Tensor:
        if index is not Ellipsis:
            return self.slice[index]
        n_bytes = prod(self.shape) * self.dtype.itemsize
        if not n_bytes:
            return torch.empty(self.shape, dtype=self.dtype)
        # Large ones in memory of their own: what is read and converted leaves no holes among what stays
        buffer = mmap.mmap(-1, n_bytes) if n_bytes >= _LARGE_BYTES else bytearray(n_bytes)
        with self._opened() as file:
            self._fill(buffer, file)
        return torch.frombuffer(buffer, dtype=self.dtype).reshape(self.shape)

    def converted(self, dtype: torch.dtype) -> torch.Tensor:
        """Return the whole in another dtype, as `.to(dtype)` gives it."""
        found = torch.empty(self.shape, dtype=dtype)
        with self._opened() as file:
            for piece in found.view(-1).split(_PIECE_BYTES // self.dtype.itemsize):
                if len(piece):
                    buffer = bytearray(len(piece) * self.dtype.itemsize)
                    self._fill(buffer, file)
                    piece.copy_(torch.frombuffer(buffer, dtype=self.dtype))
        return found

    def _opened(self) -> FileIO:
        file = FileIO(self.path)
        file.seek(self.begin)
        return file

    def _fill(self, buffer: mmap.mmap | bytearray, file: FileIO) -> None:
        left = memoryview(buffer)
        while left:
            n_read = file.readinto(left)
            if not n_read:
                raise OSError(f"{self.path.name} has become shorter while it was read.")
            left = left[n_read:]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.slice, name)


class _ReadFile:
    """A safetensors file whose tensors are read one by one; for anything else it is safetensors' own."""

    def __init__(self, path: Path, options: dict[str, Any]) -> None:
        # transformers opens files so itself where they cannot be mapped (Windows, Apple's GPUs)
        self._own = safe_open(path, **options | {"backend": "pread"})
        self._path = path
        self._header, self._begin = read_header(path, path.name)

    def __enter__(self) -> "_ReadFile":
        return self

    def __exit__(self, *error: object) -> None:
        self._own.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def get_slice(self, name: str) -> Any:
        """Return what reads a tensor when it is asked for all of it."""
        own, told = self._own.get_slice(name), self._header[name]
        dtype, (begin, end) = _DTYPES.get(told["dtype"]), told["data_offsets"]
        if dtype is None or end - begin != prod(told["shape"]) * dtype.itemsize:
            return own
        return _StoredTensor(self._path, self._begin + begin, tuple(told["shape"]), dtype, own)


def _open(path: Any, **options: Any) -> Any:
    if _reads.get() and options.get("device", "cpu") == "cpu":
        return _ReadFile(Path(path), options)
    return safe_open(path, **options)


_materialize_whole: Any = core_model_loading._materialize_copy


def _materialize(tensor: Any, device: Any = None, dtype: torch.dtype | None = None) -> torch.Tensor:
    if isinstance(tensor, _StoredTensor) and dtype not in (None, tensor.dtype):
        return tensor.converted(dtype).to(device=device)
    return _materialize_whole(tensor, device, dtype)


# They have no argument for it
modeling_utils.safe_open = _open
core_model_loading._materialize_copy = _materialize
