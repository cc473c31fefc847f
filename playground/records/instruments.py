"""The instruments that not every model has an answer for, by the ids of their tabs."""

from typing import Literal

InstrumentName = Literal["choices", "steps", "beams", "fill-in-tab", "what-if", "compress", "cost", "compare"]
