"""How the program was started. The only reader of the environment in this package.

Imports neither gradio nor anything of Hugging Face's: silence_telemetry must come before them.
"""

import argparse
import os
import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from playground.models import catalogue
from playground.records import Allowance, PlaygroundError

DTYPES = ("auto", "float32", "bfloat16", "float16", "8bit", "4bit")
_GIGABYTES = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")

# Each is read by the installed versions of gradio, gradio_client, huggingface_hub, hf_xet or transformers
_SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",  # usage reports, and the check for a newer gradio
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_XET_TELEMETRY_ENABLED": "false",
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # asks a service of the Hub to convert weights that are not safetensors
}

# transformers reads weights in several threads ahead of where they are needed: that much more memory is taken, and
# all cores, which other visitors are waiting for
_IN_ORDER = {"HF_DEACTIVATE_ASYNC_LOAD": "1"}


@dataclass(frozen=True)
class Settings:
    """What `python app.py` was asked for."""

    models: tuple[str, ...]  # that can be chosen on the page, the default first
    device: str = "auto"
    dtype: str = "auto"
    host: str = "127.0.0.1"
    port: int = 7860
    memory_bytes: int | None = None  # for models; None: as much as the machine can spare
    allowance: Allowance = field(default_factory=Allowance)


def read_settings(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings from the arguments, else from PLAYGROUND_<OPTION>, else the defaults.

    A bad value ends the program with a message (argparse), whichever of the two it came from.
    """
    environ = os.environ if environ is None else environ
    parser = argparse.ArgumentParser(
        description="Attention Playground: watch a transformer choose every token, and see where every head looked.",
        epilog="Each option can be set by an environment variable as well, PLAYGROUND_MODEL and so on.",
    )

    def default(option: str, otherwise: str) -> str:
        return environ.get(f"PLAYGROUND_{option}") or otherwise

    parser.add_argument(
        "--model", action="extend", nargs="+", type=_model, metavar="NAME",
        help="models that can be chosen, the first is the default: bundled names, folders, or names on the Hub "
        "(default: all that are bundled; in PLAYGROUND_MODEL separated by commas)",
    )  # fmt: skip
    parser.add_argument("--device", type=_device, default=default("DEVICE", "auto"), help="auto, cpu, cuda, mps")
    parser.add_argument("--dtype", type=_dtype, default=default("DTYPE", "auto"), help=", ".join(DTYPES))
    # A Space is reached from outside its container only on all addresses
    on_space = "0.0.0.0" if "SPACE_ID" in environ else "127.0.0.1"
    parser.add_argument("--host", type=_host, default=default("HOST", on_space), help="address to listen on")
    parser.add_argument("--port", type=_port, default=default("PORT", "7860"), help="port to listen on")
    parser.add_argument(
        "--memory", type=_memory, default=default("MEMORY", "auto"),
        help="gigabytes for models together; where they need more, the one not used for longest goes (default: auto)",
    )  # fmt: skip
    parser.add_argument(
        "--bring", type=_bring, default=default("BRING", "auto"),
        help="what visitors may choose beside --model: list (nothing), hub (any model on the Hub), "
        "auto (hub where only this machine is listened to, else list)",
    )  # fmt: skip
    parser.add_argument(
        "--folder", type=_folder, default=default("FOLDER", "") or None,
        help="visitors may choose models in folders below this one, too (default: in none)",
    )  # fmt: skip
    given = parser.parse_args(argv)
    is_own = given.host in ("127.0.0.1", "::1", "localhost") and "SPACE_ID" not in environ
    may_bring = is_own if given.bring == "auto" else given.bring == "hub"
    return Settings(
        models=tuple(dict.fromkeys(given.model or _models_of(environ, parser))),
        device=given.device,
        dtype=given.dtype,
        host=given.host,
        port=given.port,
        memory_bytes=None if given.memory == "auto" else int(float(given.memory) * 1e9),
        allowance=Allowance(hub=may_bring, folder=given.folder),
    )


def silence_telemetry(environ: MutableMapping[str, str] | None = None) -> None:
    """Switch off everything that the libraries would report or look up; call it before they are imported."""
    (os.environ if environ is None else environ).update(_SILENT)


def read_weights_in_order(environ: MutableMapping[str, str] | None = None) -> None:
    """Let a model be read one weight after the other, so that loading takes little more memory than the model."""
    (os.environ if environ is None else environ).update(_IN_ORDER)


def _models_of(environ: Mapping[str, str], parser: argparse.ArgumentParser) -> list[str]:
    names = [name.strip() for name in environ.get("PLAYGROUND_MODEL", "").split(",") if name.strip()]
    try:
        names = [_model(name) for name in names] or list(catalogue.bundled_names())
    except argparse.ArgumentTypeError as error:
        parser.error(f"PLAYGROUND_MODEL: {error}")
    if not names:
        parser.error(f"there is no model in {catalogue.BUNDLED_FOLDER}; name one with --model")
    return names


def _model(name: str) -> str:
    try:
        catalogue.resolve(name)
    except PlaygroundError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name


def _checked(wanted: str, is_good: Callable[[str], bool]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not is_good(value):
            raise argparse.ArgumentTypeError(f"must be {wanted}, not {value[:80]!r}")
        return value

    return check


_device = _checked("auto, cpu, cuda, cuda:0, … or mps", lambda value: _DEVICE.fullmatch(value) is not None)
_dtype = _checked(f"one of {', '.join(DTYPES)}", lambda value: value in DTYPES)
_host = _checked("an address or a host name", lambda value: re.fullmatch(r"[\w.:-]+", value, re.ASCII) is not None)

_bring = _checked("auto, list or hub", lambda value: value in ("auto", "list", "hub"))
_folder = _checked("a folder on this machine", catalogue.is_folder)
_memory = _checked(
    "auto, or a number of gigabytes",
    lambda value: value == "auto" or (_GIGABYTES.fullmatch(value) is not None and float(value) > 0),
)


def _port(value: str) -> int:
    if not re.fullmatch(r"\d{1,5}", value, re.ASCII) or not 0 < int(value) < 65536:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 65535, not {value[:80]!r}")
    return int(value)
