"""The map to take away: pictures are made in the browser, data and code here, and the browser saves both."""

import base64
import itertools
import json

import gradio as gr

from playground.records import HeadMap
from playground.ui.components import SHARED_SCRIPT, read_asset
from playground.ui.session import Session
from playground.views.export import export_csv, export_html, export_npz, export_python

PICTURES = ("PNG", "SVG")
FILES = ("CSV", "NPZ", "HTML", "Python")
_nonces = itertools.count()


class SaveRow:
    """A button a format. What a button asks for comes as a message, so that nothing is put on the server's disk."""

    def build(self) -> None:
        with gr.Row(elem_id="save-row"):
            gr.HTML("<p>Save the map</p>", elem_classes=["caption"], elem_id="save-label")
            for name in PICTURES:
                button = gr.Button(name, size="sm", min_width=50, elem_id=f"save-{name.lower()}")
                save = f"""() => document.querySelector("#head-map .chart").dispatchEvent(
                    new CustomEvent("save", {{ detail: "{name.lower()}" }}))"""
                button.click(None, js=save, queue=False, api_visibility="private")
            self.buttons = {
                name: gr.Button(name, size="sm", min_width=50, elem_id=f"save-{name.lower()}") for name in FILES
            }
        self.download = gr.HTML(
            value="",
            html_template="<span></span>",
            js_on_load=read_asset("js/download.js"),
            head=SHARED_SCRIPT,
            apply_default_css=False,
            elem_id="download",
        )


def make_file(shown: HeadMap, session: Session, name: str) -> str:
    """Return a map as a file for assets/js/download.js: JSON of {name, type, data, nonce}."""
    if name == "Python":
        file = export_python(shown, session.model, session.text)
    else:
        file = {"CSV": export_csv, "NPZ": export_npz, "HTML": export_html}[name](shown, session.model)
    data = base64.b64encode(file.content).decode()
    # A value that does not change is not sent: the nonce lets the same file be saved twice
    return json.dumps({"name": file.name, "type": file.media_type, "data": data, "nonce": next(_nonces)})
