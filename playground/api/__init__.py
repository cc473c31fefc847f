"""The HTTP endpoints over the backend's protocol, as plain functions; the page registers them."""
