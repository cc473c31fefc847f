"""Stop texts: where a text is to end, whichever tokens it is made of."""

from playground.decoding.plan import Plan
from playground.models.codec import TokenCodec

_TAIL = 64  # tokens of the prompt that a stop text may begin in


class StopTexts:
    """Says when a text has come to one of its stop texts.

    As transformers' StopStringCriteria has it: the newest token must complete one, which may have begun in the
    prompt and may end within the token.
    """

    def __init__(self, plan: Plan, codec: TokenCodec) -> None:
        self._stop, self._codec = plan.settings.stop, codec
        longest = max(map(len, self._stop), default=0)
        is_continued = plan.n_given == len(plan.prompt_ids)  # else the decoder begins with a text of its own
        self._before = plan.prompt[-longest:] if self._stop and is_continued else ""
        self._before_ids = [*plan.prompt_ids[-_TAIL:]] if is_continued else []

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._stop)

    def ends(self, text: str, n_characters_before: int) -> bool:
        """Return whether `text`, all that was generated, ends here; so long was it before its newest token."""
        if not self._stop:
            return False
        return self._comes(self._before + text, len(self._before) + n_characters_before)

    def ends_ids(self, ids: list[int]) -> bool:
        """Return the same of the ids that were generated."""
        if not self._stop or not ids:
            return False
        all_ids = self._before_ids + ids  # the first word keeps its space behind another one
        return self._comes(self._codec.decode(all_ids), len(self._codec.decode(all_ids[:-1])))

    def _comes(self, text: str, settled: int) -> bool:
        return any(text.find(stop, max(0, settled - len(stop) + 1)) >= 0 for stop in self._stop)
