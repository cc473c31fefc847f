"""Loading a transformers model, safely: safetensors only, and no code from elsewhere."""

import contextlib
import gc
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer
from transformers.utils import logging as transformers_logging

from playground.models import catalogue
from playground.models.checks import check_complete, check_config
from playground.models.codec import TokenCodec
from playground.models.download import download, find_downloaded, is_open_here
from playground.models.files import files_read
from playground.models.hub import HubModel, Token, check_token, look_up
from playground.models.hub_errors import HubUnreachableError
from playground.models.kinds import choose_auto_class, choose_kind, kind_of_class
from playground.models.memory import free_memory_bytes
from playground.models.monitor import LoadMonitor, current_monitor
from playground.models.placement import DTYPES, Plan, bytes_needed, choose_device, plan_placement, say_too_large
from playground.models.spec import read_spec
from playground.models.weights import count_weights, weight_files
from playground.records import ModelSpec, Placement, PlaygroundError

# Nothing that comes with a model is run, and transformers fetches nothing itself: the files are there
_SAFELY: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}

__all__ = ["DTYPES", "LoadedModel", "load", "wrap"]


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A transformers model in evaluation mode, its tokenizer, and what is known of them."""

    model: Any
    tokenizer: Any
    codec: TokenCodec
    spec: ModelSpec
    placement: Placement | None = None  # None where it was in memory already
    folder: Path | None = None  # where its files are, likewise


def load(
    name: str, device: str = "auto", dtype: str = "auto", *, token: Token = None, look_again: bool = False
) -> LoadedModel:
    """Load a bundled name, a folder, or a Hub id; weights as safetensors only, never any code.

    token: for gated models; None is the one that is saved on this machine, False is none. look_again: ask the Hub
    whether this token may have the model even if it was downloaded before. Raises PlaygroundError, which says what
    to do, where that does not work out.
    """
    monitor, token = current_monitor(name), check_token(token)
    bytes_needed(device, dtype, 1)  # raises for bad names, before anything is downloaded
    folder = _find_folder(name, device, dtype, token, monitor, look_again=look_again)
    try:
        config = AutoConfig.from_pretrained(folder, **_SAFELY)
        config._attn_implementation = None  # a configuration could name a kernel that is to be fetched: code
        kind = choose_kind(config, name)
        auto_class = choose_auto_class(config, kind)
        files = weight_files(folder, name)
        weights = count_weights(files, name)
        check_config(config, auto_class, weights.n_parameters, name)
        monitor.reserve(bytes_needed(device, dtype, weights.n_parameters))
        gc.collect()  # what has left the pool may still be in a cycle, and its memory is wanted now
        plan = plan_placement(name, device, dtype, weights.n_parameters)
        tokenizer = AutoTokenizer.from_pretrained(folder, **_SAFELY)
        reading = replace(monitor.progress, stage="reading", file="", bytes_done=0, bytes_total=weights.n_bytes)
        monitor.report(reading)
        model = _read_model(name, folder, config, auto_class, plan, monitor)
    except PlaygroundError:
        raise
    except Exception as error:  # transformers and safetensors raise dozens of types here
        raise PlaygroundError(_explain(name, error)) from error
    return LoadedModel(model, tokenizer, TokenCodec(tokenizer), read_spec(model, name, kind), plan.placement, folder)


def wrap(model: Any, tokenizer: Any, name: str | None = None) -> LoadedModel:
    """Take a transformers model that is already in memory, as it is: device, dtype and weights stay."""
    name = name or Path(model.name_or_path or type(model).__name__).name
    kind = kind_of_class(type(model).__name__, model.config) or choose_kind(model.config, name)
    return LoadedModel(model.eval(), tokenizer, TokenCodec(tokenizer), read_spec(model, name, kind))


def _find_folder(name: str, device: str, dtype: str, token: Token, monitor: LoadMonitor, *, look_again: bool) -> Path:
    """Return the folder of a model, after downloading it if need be and if there is room for it."""
    source = catalogue.resolve(name)
    if Path(source).is_dir():
        return Path(source)
    folder = find_downloaded(source)
    if folder is not None and not look_again:
        return folder
    monitor.report(replace(monitor.progress, stage="looking"))
    try:
        found = look_up(source, token)
    except HubUnreachableError:
        if folder is not None and is_open_here(source):
            return folder
        raise
    _check_memory(found, device, dtype, monitor.max_bytes)
    return download(found, token, monitor)


def _check_memory(model: HubModel, device: str, dtype: str, max_bytes: int | None) -> None:
    """Raise PlaygroundError, with the numbers, where a model that is to be downloaded would not fit."""
    # Where the Hub has not counted them: no fewer than there would be in 32 bits each
    n_parameters = model.n_parameters or model.n_weight_bytes // 4
    n_bytes = bytes_needed(device, dtype, n_parameters)
    most = free_memory_bytes(choose_device(device)) if max_bytes is None else max_bytes
    if n_bytes > most and choose_device(device).type != "cuda":  # beyond a GPU's memory it is spread
        raise PlaygroundError(say_too_large(model.id, n_bytes, most))


def _read_model(name: str, folder: Path, config: Any, auto_class: Any, plan: Plan, monitor: LoadMonitor) -> Any:
    """Read the weights into a model in evaluation mode, in the dtype and on the device of the plan."""
    transformers_logging.disable_progress_bar()
    transformers_logging.set_tqdm_hook(_count_weights_read)  # transformers' own count goes to the monitor
    arguments, removal = dict(plan.arguments), contextlib.ExitStack()
    if plan.is_spread:
        # Weights that fit neither GPU nor memory lie there for as long as the model does
        arguments["offload_folder"] = tempfile.mkdtemp(prefix="playground-offload-")
        removal.callback(shutil.rmtree, arguments["offload_folder"], ignore_errors=True)
    with removal, monitor.active(), files_read():
        model, found = auto_class.from_pretrained(
            folder, config=config, use_safetensors=True, output_loading_info=True, **_SAFELY, **arguments
        )
        check_complete(set(found["missing_keys"]), name)
        weakref.finalize(model, removal.pop_all().close)
    return model.eval()


def _count_weights_read(factory: Callable[..., Any], given: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if options.get("desc") == "Loading weights" and given:
        return _counted(given[0], current_monitor(""))
    return factory(*given, **options)


def _counted(weights: Iterable[Any], monitor: LoadMonitor) -> Iterator[Any]:
    listed = list(weights)
    for number, weight in enumerate(listed):
        done = monitor.progress.bytes_total * number // len(listed)
        monitor.report(replace(monitor.progress, bytes_done=done))
        yield weight


def _explain(name: str, error: BaseException) -> str:
    """Say what went wrong with a loading and what to do next."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    text = " ".join(str(cause) for cause in causes)
    if "trust_remote_code" in text:
        return f"{name} needs code of its own, which is never run here. Take a model that transformers knows."
    if any(isinstance(cause, MemoryError) for cause in causes) or "out of memory" in text.lower():
        return f"There is not enough memory for {name}. Take a smaller one."
    return f"{name} could not be loaded: {' '.join(str(error).split())[:300]}"
