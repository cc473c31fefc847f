"""Serve the page with its looks, its scripts and nothing from anywhere else."""

import gradio as gr

from playground.ui.assets import read_asset
from playground.ui.behaviours import page_script_address
from playground.ui.server import app_arguments
from playground.ui.theme import build_theme

MOST_SESSIONS = 200  # texts kept for visitors at a time, up to 4 MB each; the oldest goes first


def launch(page: gr.Blocks, *, host: str, port: int) -> str:
    """Serve `page`, and return its address when it answers."""
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        quiet=True,
        share=False,
        prevent_thread_lock=True,
        footer_links=["api"],
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        state_session_capacity=MOST_SESSIONS,
        ssl_verify=False,  # it asks itself over HTTP whether it answers, for which no certificates need be read
        max_file_size="1kb",  # nothing on the page takes a file
        app_kwargs=app_arguments(),
        theme=build_theme(),
        head=read_asset("html/head.html").replace("PAGE_SCRIPT", page_script_address()),
    )
    print(f"Attention Playground: {address}", flush=True)
    return address
