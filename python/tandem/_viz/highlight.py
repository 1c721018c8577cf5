"""Python source as HTML, one string per line, with spans for keywords, strings, numbers, comments and decorators."""

from __future__ import annotations

import html
import io
import keyword
import tokenize
from collections.abc import Sequence

_CLASSES = {tokenize.COMMENT: "c", tokenize.NUMBER: "n", tokenize.STRING: "s"}


def lines(source: Sequence[str]) -> list[str]:
    """Return every line escaped; what is no Python stays plain."""
    marks: list[list[tuple[int, int, str]]] = [[] for _ in source]
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(source) + "\n").readline):
            kind = _kind(token)
            if kind:
                _mark(marks, token, kind, source)
    except (tokenize.TokenError, SyntaxError):
        pass  # what came before the error is marked already
    return [_marked(text, spans) for text, spans in zip(source, marks, strict=True)]


def _kind(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME:
        return "k" if keyword.iskeyword(token.string) else ""
    if token.type == tokenize.OP and token.string == "@" and not token.line[: token.start[1]].strip():
        return "d"
    if tokenize.tok_name[token.type].startswith(("FSTRING", "TSTRING")):
        return "s"
    return _CLASSES.get(token.type, "")


def _mark(marks: list[list[tuple[int, int, str]]], token: tokenize.TokenInfo, kind: str, source: Sequence[str]) -> None:
    (first, start), (last, end) = token.start, token.end
    if kind == "d":
        end = len(source[first - 1].split("(")[0])
    for line in range(first, min(last, len(source)) + 1):
        text = source[line - 1]
        marks[line - 1].append((start if line == first else 0, end if line == last else len(text), kind))


def _marked(text: str, spans: list[tuple[int, int, str]]) -> str:
    parts, at = [], 0
    for start, end, kind in spans:
        if start < at or end <= start:
            continue
        parts += [html.escape(text[at:start]), f'<span class="{kind}">', html.escape(text[start:end]), "</span>"]
        at = end
    return "".join(parts) + html.escape(text[at:])
