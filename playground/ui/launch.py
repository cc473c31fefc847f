"""Serve the page with its looks, its scripts and nothing from anywhere else."""

import gradio as gr

from playground.ui.components import read_asset
from playground.ui.server import app_arguments
from playground.ui.theme import build_theme

MOST_SESSIONS = 200  # texts kept for visitors at a time, up to 4 MB each; the oldest goes first


def launch(page: gr.Blocks, *, host: str, port: int, wait: bool = True) -> str:
    """Serve `page` and return its address. With `wait`, returns only when the server is stopped."""
    page.queue(default_concurrency_limit=8, max_size=128)
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
        max_file_size="1kb",  # nothing on the page takes a file
        app_kwargs=app_arguments(),
        theme=build_theme(),
        head=read_asset("html/head.html"),
    )
    print(f"Attention Playground: {address}", flush=True)
    if wait:
        page.block_thread()
    return address
