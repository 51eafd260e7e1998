"""Reads a PDF from standard input by a public library: JSON with its pages' text and its title."""

import io
import json
import sys

from pypdf import PdfReader

reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()), strict=True)
pages = [page.extract_text() for page in reader.pages]
print(json.dumps({"title": reader.metadata.title, "pages": pages}))
