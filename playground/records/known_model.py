"""A model that is offered by name, and what visitors may bring."""

from dataclasses import dataclass

from playground.records.spec import ModelKind


@dataclass(frozen=True)
class KnownModel:
    """A well-known model on the Hub, as the catalogue describes it; the Hub is asked before anything is loaded."""

    name: str
    kind: ModelKind
    parameters: int  # about
    licence: str
    gated: bool  # its owners want to know who has it
    note: str


@dataclass(frozen=True)
class FoundModel:
    """A model that a search on the Hub found; what the Hub does not say is None or empty."""

    name: str
    kind: ModelKind | None
    parameters: int | None
    licence: str
    gated: bool
    downloads: int  # in the last 30 days


@dataclass(frozen=True)
class Allowance:
    """What visitors may choose beside the models that the server offers."""

    hub: bool = False  # any model on the Hub
    folder: str | None = None  # models in folders below this one
