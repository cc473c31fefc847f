"""Keeps a model in the pool while a method of the backend works with it."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Protocol, TypeVar

from playground.models.pool import ModelPool


class HasPool(Protocol):
    """Has the pool that its methods take their models from."""

    _pool: ModelPool[Any]


Holder = TypeVar("Holder", bound=type)


def holds_models(*, except_for: tuple[str, ...] = ()) -> Callable[[Holder], Holder]:
    """Let every public method whose first argument is `model` hold that model until it is done.

    A method that yields holds it until it is closed. So none can be forgotten, and none goes while it is in use.
    """

    def decorate(owner: Holder) -> Holder:
        for name, method in list(vars(owner).items()):
            if name.startswith("_") or name in except_for or not inspect.isfunction(method):
                continue
            if list(inspect.signature(method).parameters)[1:2] == ["model"]:
                setattr(owner, name, _holding(method))
        return owner

    return decorate


def _holding(method: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(inspect.unwrap(method)):  # what checks annotations in tests wraps it

        @wraps(method)
        def yielding(self: HasPool, model: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
            with self._pool.use(model):
                yield from method(self, model, *args, **kwargs)

        return yielding

    @wraps(method)
    def returning(self: HasPool, model: str, *args: Any, **kwargs: Any) -> Any:
        with self._pool.use(model):
            return method(self, model, *args, **kwargs)

    return returning
