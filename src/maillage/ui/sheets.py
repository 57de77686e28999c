"""Rows as a file that a spreadsheet opens: UTF-8 with its mark, semicolons, and no cell that it takes for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from starlette.responses import Response


def sheet(rows: Iterable[Sequence[object]]) -> str:
    """The text of the file."""
    written = io.StringIO()
    csv.writer(written, delimiter=";").writerows([plain(str(cell)) if cell is not None else "" for cell in row] for row in rows)
    return "\ufeff" + written.getvalue()


_FORMULA = re.compile(r"[\t\r\n]|[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠]")


def plain(words: str) -> str:
    """Words that no spreadsheet takes for a formula, whatever it passes over before one."""
    return f"'{words}" if _FORMULA.match(words) else words


def download(name: str, rows: Iterable[Sequence[object]]) -> Response:
    """The file as an answer to be saved under this name."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(sheet(rows), media_type="text/csv; charset=utf-8", headers=headers)
