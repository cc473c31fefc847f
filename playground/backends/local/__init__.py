"""Runs the models in this process."""

from playground.backends.local.attention import LocalAttention
from playground.backends.local.attribution import LocalAttribution
from playground.backends.local.compressing import LocalCompressing
from playground.backends.local.inside import LocalInside
from playground.backends.local.masks import LocalMasks
from playground.backends.local.models import leave_a_core
from playground.backends.local.patching import LocalPatching
from playground.backends.local.tasks import LocalTasks
from playground.backends.local.training import LocalTraining
from playground.backends.local.writing import LocalWriting

__all__ = ["LocalBackend", "leave_a_core"]


class LocalBackend(
    LocalWriting,
    LocalAttention,
    LocalInside,
    LocalAttribution,
    LocalPatching,
    LocalMasks,
    LocalTasks,
    LocalCompressing,
    LocalTraining,
):
    """Implements Backend over models that are loaded into this process when first asked for.

    Safe to use from many threads; the models in `names` can be had, the first is the default, and those that visitors
    `open` where `allowance` lets them. Together they take at most `max_bytes` of memory; where they would take more,
    the one that was not used for longest goes.
    """
