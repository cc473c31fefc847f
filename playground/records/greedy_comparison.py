"""Beam search and greedy decoding of the same prompt, side by side."""

from dataclasses import dataclass

from playground.records.generation import GenerationRecord


@dataclass(frozen=True)
class GreedyComparison:
    """What beam search and greedy decoding made of the same prompt with the same settings.

    The log-probabilities are sums over the tokens that each wrote itself, in nats, by the model alone: with no filter.
    """

    beam: GenerationRecord
    greedy: GenerationRecord
    beam_log_probability: float
    greedy_log_probability: float
    parts_at: int | None  # the first step at which they differ; None where both wrote the same
    last_node: int | None  # where greedy's text leaves the tree: its last hypothesis there; None where it never was

    @property
    def beam_score(self) -> float:
        """The log-probability over length^length_penalty, as the search ranks."""
        return self._penalised(self.beam_log_probability, self.beam)

    @property
    def greedy_score(self) -> float:
        """The same of greedy's text."""
        return self._penalised(self.greedy_log_probability, self.greedy)

    def _penalised(self, log_probability: float, record: GenerationRecord) -> float:
        return log_probability / max(1, len(record.written)) ** self.beam.settings.length_penalty
