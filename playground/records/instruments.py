"""The instruments that not every model has an answer for."""

from typing import Literal

InstrumentName = Literal["choices", "steps", "beams", "fill-in", "what-if", "compress", "cost", "compare"]
