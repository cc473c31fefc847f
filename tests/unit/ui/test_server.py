"""What is served beside gradio: a closed list of files, and a policy that allows no other host."""

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from playground.ui.server import CONTENT_POLICY, ContentPolicy, app_arguments, build_routes, find_files


def test_every_file_is_there():
    for name, path in find_files().items():
        assert path.is_file(), name


def test_only_listed_files_are_served():
    client = TestClient(Starlette(routes=build_routes()))
    assert client.get("/playground/plotly.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/playground/page.css").headers["content-type"].startswith("text/css")
    for name in ("app.py", "..%2f..%2fapp.py", "%2e%2e/app.py", "nothing"):
        assert client.get(f"/playground/{name}").status_code == 404


def test_pages_carry_the_policy_and_other_answers_do_not_sniff():
    async def page(_):
        return HTMLResponse("<p>")

    async def data(_):
        return JSONResponse({})

    client = TestClient(ContentPolicy(Starlette(routes=[Route("/", page), Route("/data", data)])))
    assert client.get("/").headers["content-security-policy"] == CONTENT_POLICY
    assert "content-security-policy" not in client.get("/data").headers
    assert client.get("/data").headers["x-content-type-options"] == "nosniff"


def test_the_policy_names_no_host():
    assert "http" not in CONTENT_POLICY
    assert "*" not in CONTENT_POLICY
    assert "default-src 'self'" in CONTENT_POLICY


def test_streams_pass_message_by_message():
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        assert len(sent) == 2  # nothing is held back until the end
        await send({"type": "http.response.body", "body": b"b"})

    async def send(message):
        sent.append(message)

    # Nothing here waits for anything, so no event loop is needed (one runs already where browser tests came before)
    with pytest.raises(StopIteration):
        ContentPolicy(app)({"type": "http"}, None, send).send(None)
    assert [message.get("body") for message in sent] == [None, b"a", b"b"]


def test_the_arguments_fit_an_application():
    assert TestClient(Starlette(**app_arguments())).get("/playground/page.js").status_code == 200
