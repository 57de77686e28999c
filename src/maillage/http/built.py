"""The built files of the pages: cached for a year under names that carry their hash, sent packed to browsers that take it."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

CACHE = "public, max-age=31536000, immutable"


class BuiltFiles(StaticFiles):
    """A folder of built files, each with its gzip beside it (`name.css.gz`) where that is smaller.

    Packed beforehand, because servers send files by themselves (`http.response.pathsend`) and a middleware then sees no bytes to pack.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        if "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            try:
                response = await super().get_response(f"{path}.gz", scope)
            except HTTPException:
                response = await super().get_response(path, scope)
            else:
                response.headers["content-encoding"] = "gzip"
        else:
            response = await super().get_response(path, scope)
        response.headers.add_vary_header("Accept-Encoding")
        response.headers["cache-control"] = CACHE
        return response
