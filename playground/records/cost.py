"""What it costs to let a model write: operations, bytes, seconds, and money."""

from dataclasses import dataclass
from typing import Literal

HOURS_A_MONTH = 730
CacheKind = Literal["self", "cross"]


@dataclass(frozen=True)
class Speed:
    """How fast a model writes one text at a time, as it was measured: the medians over some rounds."""

    tokens_per_s: float  # after the first token
    first_token_s: float  # from the text to the first token
    n_tokens: int  # of the text
    n_rounds: int


@dataclass(frozen=True)
class CachedLayer:
    """The attention of one layer that writes, whose keys and values are kept for each token that is looked at."""

    kind: CacheKind  # at what was written, or at the source
    n_query_heads: int
    n_kv_heads: int
    d_key: int
    d_value: int
    window: int | None  # only so many tokens back; None: all

    @property
    def flops_a_look(self) -> int:
        """The operations of one token that looks at one: q.k, and the weight times the value, in every head."""
        return 2 * self.n_query_heads * (self.d_key + self.d_value)

    def n_kept(self, n_tokens: int) -> int:
        """Return for how many of so many tokens keys and values are kept: one less than the window looks at."""
        return n_tokens if self.window is None else min(n_tokens, self.window - 1)

    def n_seen(self, n_tokens: int) -> int:
        """Return how many of so many tokens, itself among them, the last one looks at."""
        return n_tokens if self.window is None else min(n_tokens, self.window)


@dataclass(frozen=True)
class ModelCost:
    """What a model computes and reads, by its configuration and parameters.

    A matrix of n weights takes 2 n operations a token: a multiplication and an addition each. Of an encoder-decoder
    tokens are those that it writes, and n_source those that it reads.
    """

    name: str
    n_parameters: int
    n_multiplied: int  # weights of all matrices that each written token goes through, the output's among them
    n_multiplied_source: int  # of an encoder-decoder: that each token of the source goes through once; else 0
    multiplied_bytes: int  # of the weights that one written token needs
    layers: tuple[CachedLayer, ...]
    encoder_layers: tuple[CachedLayer, ...]  # of an encoder-decoder; nothing of them is kept
    bytes_a_number: int  # of keys and values
    context_length: int | None
    dtype: str

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether there is a source beside what is written."""
        return self.n_multiplied_source > 0

    def matrix_flops(self) -> int:
        """Return the operations of the matrices for one written token."""
        return 2 * self.n_multiplied

    def attention_flops(self, n_tokens: int, n_source: int = 0) -> int:
        """Return the operations of attention for one token that looks at `n_tokens`: q.k, and weights times values."""
        return sum(
            one.flops_a_look * (n_source if one.kind == "cross" else one.n_seen(n_tokens)) for one in self.layers
        )

    def text_flops(self, n_tokens: int, n_source: int = 0) -> int:
        """Return the operations of one pass over a whole text, as they are computed: masked scores among them."""
        looks = sum(
            one.flops_a_look * n_tokens * (n_source if one.kind == "cross" else n_tokens) for one in self.layers
        )
        encoder = sum(one.flops_a_look * n_source**2 for one in self.encoder_layers)
        return n_tokens * self.matrix_flops() + n_source * 2 * self.n_multiplied_source + looks + encoder

    def cache_bytes(self, n_tokens: int, n_source: int = 0) -> int:
        """Return what the KV cache holds of one text."""
        return self.bytes_a_number * sum(
            one.n_kv_heads * (one.d_key + one.d_value) * (n_source if one.kind == "cross" else one.n_kept(n_tokens))
            for one in self.layers
        )

    def read_bytes(self, n_tokens: int, n_source: int = 0) -> int:
        """Return what is read from memory for one written token: all its weights, and the cache."""
        return self.multiplied_bytes + self.cache_bytes(n_tokens, n_source)


@dataclass(frozen=True)
class CostAssumptions:
    """What cannot be known here, and is assumed. Money is in one currency, whichever."""

    n_tokens: int = 256  # that a text has when a token is written
    n_source: int = 0  # of an encoder-decoder
    tokens_per_s: float = 100.0
    price_an_hour: float = 1.0  # of the machine
    utilisation: float = 0.5  # share of the paid time in which it writes
    n_students: int = 30
    tokens_a_student: int = 5000
    n_users: int = 1000
    tokens_a_user: int = 20000  # a month
    price_a_million: float = 1.0  # of a service that is paid by the token

    @property
    def price_a_thousand(self) -> float:
        """What 1,000 tokens cost on this machine."""
        return 1000 * self.price_an_hour / (3600 * self.tokens_per_s * self.utilisation)

    @property
    def class_tokens(self) -> int:
        """What a class writes."""
        return self.n_students * self.tokens_a_student

    @property
    def class_hours(self) -> float:
        """How long the machine writes for a class, one text at a time, as it is used."""
        return self.class_tokens / (3600 * self.tokens_per_s * self.utilisation)

    @property
    def class_price(self) -> float:
        """What a class costs."""
        return self.class_tokens / 1000 * self.price_a_thousand

    @property
    def month_tokens(self) -> int:
        """What all users write in a month."""
        return self.n_users * self.tokens_a_user

    @property
    def month_capacity(self) -> float:
        """What one machine can write in a month, as it is used."""
        return 3600 * HOURS_A_MONTH * self.tokens_per_s * self.utilisation

    @property
    def n_machines(self) -> int:
        """How many machines that takes."""
        return max(1, -int(-self.month_tokens // self.month_capacity))

    @property
    def month_price(self) -> float:
        """What these machines cost in a month, whether they write or wait."""
        return self.n_machines * HOURS_A_MONTH * self.price_an_hour

    @property
    def service_month_price(self) -> float:
        """What the service that is paid by the token would take for a month of users."""
        return self.month_tokens / 1e6 * self.price_a_million

    @property
    def break_even(self) -> float:
        """The share of its time that a machine must write to be as cheap as the service; above 1 it never is.

        Infinite where the service takes nothing.
        """
        if self.price_a_million == 0:
            return float("inf")
        return self.price_an_hour / (3600 * self.tokens_per_s * self.price_a_million / 1e6)
