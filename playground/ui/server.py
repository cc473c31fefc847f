"""How the page is served: our scripts from this server, and a policy that forbids the browser any other host."""

from itertools import starmap
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.ui.behaviours import page_script
from playground.ui.mended import mended_scripts
from playground.ui.packages import package_folder
from playground.views.palette import ASSETS

# Gradio compiles component scripts with Function() and sets inline styles, hence the two unsafe words; what they
# cannot do is reach another host.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "frame-src 'self' blob: data:",
        "object-src 'none'",
        "form-action 'self'",
    )
)

JAVASCRIPT = "text/javascript"
CACHED = {"Cache-Control": "public, max-age=3600"}


def find_files() -> dict[str, Path]:
    """Return the files that the page loads, by their names below /playground/.

    Third-party ones come from installed packages: plotly's own, d3 from mpld3, jQuery from XStatic.
    """
    return {
        "page.css": ASSETS / "css" / "page.css",
        "plotly.js": package_folder("plotly") / "package_data" / "plotly.min.js",
        "d3.js": package_folder("mpld3") / "js" / "d3.v5.min.js",
        "jquery.js": package_folder("xstatic.pkg.jquery") / "data" / "jquery.min.js",
    }


def build_routes() -> list[Route]:
    """Return the routes of these files and of scripts of Gradio's that are mended; no other file can be reached."""
    files = find_files()

    def serve_page_script(_: Request) -> Response:
        return Response(page_script(), media_type=JAVASCRIPT, headers=CACHED)

    async def serve(request: Request) -> Response:
        path = files.get(request.path_params["name"])
        if path is None:
            return Response("There is no such file.", status_code=404)
        kind = "text/css" if path.suffix == ".css" else JAVASCRIPT
        return FileResponse(path, media_type=kind, headers=CACHED)

    def mended(name: str, script: str) -> Route:
        return Route(f"/assets/{name}", lambda _: Response(script, media_type=JAVASCRIPT, headers=CACHED))

    return [
        Route("/playground/page.js", serve_page_script),
        Route("/playground/{name}", serve),
        *starmap(mended, mended_scripts().items()),
    ]


class ContentPolicy:
    """ASGI middleware that sends the policy with every HTML page and passes streams through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = CONTENT_POLICY
                    headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self.app(scope, receive, send_with_policy)


def app_arguments() -> dict[str, Any]:
    """Return the arguments for the FastAPI application below gradio."""
    return {"routes": build_routes(), "middleware": [Middleware(ContentPolicy)]}
