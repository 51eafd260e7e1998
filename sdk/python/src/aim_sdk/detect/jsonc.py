"""JSON as editors write it: with comments, trailing commas and any Unicode encoding.

Every step takes time in proportion to the text, however it is made.
"""

from __future__ import annotations

import json
import re

# Strings are matched so that what looks like a comment within one stays. An end that is missing is
# the end of the text: searching for it again from each later place would take quadratic time.
_TOKENS = re.compile(
    r"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))
      | (?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))""",
    re.DOTALL | re.VERBOSE,
)
_COMMAS = re.compile(
    r"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)) | ,(?=\s*[}\]])""",
    re.DOTALL | re.VERBOSE,
)


class MalformedError(Exception):
    """No JSON; the text says where and quotes nothing of it."""


def parse(content: bytes) -> object:
    """The value of a document.

    Raises:
        MalformedError: It is no JSON, even without comments and trailing commas.
    """
    try:
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError:
        raise MalformedError("is no Unicode text") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        plain = _COMMAS.sub(_string_or_nothing, _TOKENS.sub(_string_or_blank, text))
    try:
        return json.loads(plain)
    except json.JSONDecodeError as error:
        raise MalformedError(f"is no JSON (line {error.lineno})") from None
    except ValueError:
        raise MalformedError("has a number that is too long") from None
    except RecursionError:
        raise MalformedError("is nested too deeply") from None


def _string_or_blank(found: re.Match[str]) -> str:
    if found["string"] is not None:
        return found["string"]
    # Lines keep their numbers.
    return " " + "\n" * found["comment"].count("\n")


def _string_or_nothing(found: re.Match[str]) -> str:
    return found["string"] or ""
