"""Small PDF files of one page of text, to be carried by level 1 documents (PDF 1.4, Helvetica, WinAnsi)."""

from collections.abc import Sequence

TOP, LEFT, LEADING = 790, 56, 15


def pdf(title: str, lines: Sequence[str]) -> bytes:
    """One A4 page: the title in bold, then the lines. Characters outside Windows-1252 are replaced."""
    text = [f"BT /F2 15 Tf {LEFT} {TOP} Td ({_escaped(title)}) Tj ET".encode("cp1252", "replace")]
    for rank, line in enumerate(lines, 2):
        text.append(f"BT /F1 10.5 Tf {LEFT} {TOP - LEADING * rank} Td ({_escaped(line)}) Tj ET".encode("cp1252", "replace"))
    stream = b"\n".join(text)
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
            font.format("Helvetica").encode(),
            font.format("Helvetica-Bold").encode(),
        ]
    )


def _file(objects: list[bytes]) -> bytes:
    content = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    content += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(content)


def _escaped(text: str) -> str:
    return text.replace("’", "'").replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
