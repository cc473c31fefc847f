"""Models that visitors bring: which they may, and who may use which."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from playground.models import catalogue
from playground.models.download import is_open_here
from playground.models.hub import HubModel, Token, check_token, look_up
from playground.models.hub_errors import HubUnreachableError
from playground.models.pool import ModelPool
from playground.records import Allowance, shown_name

MOST_KEPT = 500  # names with their tokens; the one that was brought first is forgotten first


@dataclass(frozen=True)
class Source:
    """Where a brought model comes from, and with which token; neither is ever written anywhere."""

    place: str  # a folder, or an id on the Hub
    token: Token
    licence: str = ""


class BroughtModels:
    """Gives each brought model the name that it is used under.

    A gated model gets a name that cannot be guessed, for the visitor whose token opens it: others do not get it
    through what they know, nor through what was downloaded before. Tokens are in memory only.
    """

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self._lock = threading.Lock()
        self._sources: OrderedDict[str, Source] = OrderedDict()

    def bring(self, model: str, token: str | None, pool: ModelPool) -> str:
        """Return the name under which the pool has a model from now on. Raises PlaygroundError where it may not."""
        place = catalogue.check_allowed(model, self.allowance, pool.names)
        visitors = check_token(token or False)  # never the token that is saved on this machine
        is_folder = Path(place).is_absolute()
        found = None if is_folder else self._look_up(place, visitors)
        is_gated = found is not None and found.is_gated
        name = f"{model}#{secrets.token_hex(16)}" if is_gated else model
        with self._lock:
            self._sources[name] = Source(place, visitors, found.licence if found else "")
            self._sources.move_to_end(name)
            forgotten = [self._sources.popitem(last=False)[0] for _ in range(len(self._sources) - MOST_KEPT)]
        pool.admit(name)
        for old in forgotten:
            pool.forget(old)
        return name

    def source(self, name: str) -> Source | None:
        """Return where a brought model comes from; None for one that the server offers."""
        with self._lock:
            return self._sources.get(name)

    def forget(self, name: str, pool: ModelPool) -> None:
        """Forget a gated model and the token that opened it; others are shared, and stay."""
        if shown_name(name) == name:
            return
        with self._lock:
            self._sources.pop(name, None)
        pool.forget(name)

    def _look_up(self, model_id: str, token: Token) -> HubModel | None:
        """Return what the Hub says of a model; None where it cannot be asked and anyone may have what is here."""
        try:
            return look_up(model_id, token)
        except HubUnreachableError:
            if is_open_here(model_id):  # downloaded before, by anyone's leave
                return None
            raise
