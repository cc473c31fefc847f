"""How far the loading of a model is."""

from dataclasses import dataclass
from typing import Literal

LoadStage = Literal["looking", "downloading", "reading", "ready"]


@dataclass(frozen=True)
class LoadProgress:
    """What a loading does at this moment; sizes in bytes, 0 where they are not known yet."""

    model: str
    stage: LoadStage = "looking"
    file: str = ""  # that is coming now
    n_files: int = 0
    n_files_done: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    bytes_per_s: float = 0.0  # over the last seconds
