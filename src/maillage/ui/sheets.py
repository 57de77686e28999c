"""Rows as a file that a spreadsheet opens: UTF-8 with its mark, semicolons, and no cell that it takes for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.responses import Response


def sheet(rows: Iterable[Sequence[object]]) -> str:
    """The text of the file."""
    written = io.StringIO()
    csv.writer(written, delimiter=";").writerows([plain(str(cell)) if cell is not None else "" for cell in row] for row in rows)
    return "\ufeff" + written.getvalue()


def plain(words: str) -> str:
    """Words that no spreadsheet takes for a formula."""
    return f"'{words}" if words.startswith(("=", "+", "-", "@", "\t", "\r")) else words


def download(name: str, rows: Iterable[Sequence[object]]) -> Response:
    """The file as an answer to be saved under this name."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(sheet(rows), media_type="text/csv; charset=utf-8", headers=headers)
