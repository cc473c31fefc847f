"""Start the page: python app.py [--model NAME ...] [--device auto] [--dtype auto] [--host 127.0.0.1] [--port 7860]."""

import gc
import threading

from playground.settings import read_settings, read_weights_in_order, silence_telemetry


def main() -> None:
    """Read the settings, pick the backend, build the page and serve it."""
    settings = read_settings()
    gc.disable()  # nothing that imports make is garbage, and looking for it takes a fifth of the start
    silence_telemetry()  # before gradio and the Hub client are imported: they read their switches then
    read_weights_in_order()

    from playground.backends.local import LocalBackend
    from playground.models.memory import model_budget_bytes
    from playground.ui.launch import launch
    from playground.ui.page import build_page

    backend = LocalBackend(
        settings.models,
        settings.device,
        settings.dtype,
        max_bytes=settings.memory_bytes or model_budget_bytes(),
        allowance=settings.allowance,
    )
    page = build_page(backend)
    launch(page, host=settings.host, port=settings.port)
    gc.freeze()  # what is here stays
    gc.enable()
    # The first visitor should not wait for the model, nor the page for it.
    threading.Thread(target=backend.spec, args=(settings.models[0],), daemon=True).start()
    page.block_thread()


if __name__ == "__main__":
    main()
