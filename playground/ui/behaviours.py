"""How our own components behave in the browser: scripts of assets/js, all in one that is fetched once.

Each component's script was in its configuration before: half a megabyte of it to every visitor, thirty times the same
chart, and searched by Gradio on the server for each property that a component may have.
"""

import hashlib
import re
from functools import cache
from typing import Any

from playground.ui.assets import read_asset

# Files of assets/js that are one script together, by their common name
BEHAVIOURS: dict[str, tuple[str, ...]] = {
    "absent": ("absent",),
    "beams": ("beams",),
    "candidates": ("candidates",),
    "chart": ("chart",),
    "download": ("download",),
    "fill_in": ("fill_in",),
    "frame": ("frame",),
    "funnel": ("funnel", "funnel_view"),
    "header": ("header",),
    "inside": ("inside",),
    "overview": ("chart", "overview"),
    "patterns": ("patterns",),
    "picker": ("picker",),
    "ranking": ("ranking",),
    "runs": ("runs",),
    "tokens": ("tokens",),
    "uncertain": ("uncertain",),
    "zooming_chart": ("chart", "zoom"),
}


@cache
def script_of(name: str) -> str:
    """Return the script of one behaviour."""
    return "".join(read_asset(f"js/{part}.js") for part in BEHAVIOURS[name])


@cache
def page_script() -> str:
    """Return what the browser fetches: what all share, the palette, and the behaviours as functions."""
    functions = "".join(
        f"behaviours.{name} = counting((element, trigger, props, watch) => {{\n{script_of(name)}}});\n"
        for name in BEHAVIOURS
    )
    palette = f"const PALETTE = {read_asset('palette.json').strip()};\n"
    begun = "const { counting } = window.playground;\nconst behaviours = (window.playground.behaviours = {});\n"
    return f"{read_asset('js/page.js')}{{\n{palette}{begun}{functions}}}\n"


@cache
def page_script_address() -> str:
    """Return where the browser finds it: another place when it has changed, or it would use what it has kept."""
    return f"playground/page.js?{hashlib.sha256(page_script().encode()).hexdigest()[:12]}"


def behaves(name: str) -> dict[str, Any]:
    """Return the arguments that make a gr.HTML behave so, with no style but the page's."""
    fired = sorted(set(re.findall(r'\btrigger\("(\w+)"', script_of(name))))
    names = " ".join(f'"{event}"' for event in fired)  # Gradio looks here for the events that can be listened to
    return {
        "js_on_load": f"window.playground.behaviours.{name}(element, trigger, props, watch); // fires: {names}",
        "head": f'<script src="{page_script_address()}"></script>',  # the browser awaits it before the line above
        "apply_default_css": False,
    }
