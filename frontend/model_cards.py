"""A model's card as HTML. Cards come with models from elsewhere: nothing in them may run, load or look like ours."""

from __future__ import annotations

from collections.abc import Iterator

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

READER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
TAGS = {
    "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "strong", "em", "code", "pre", "blockquote", "a", "hr", "br",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
SCHEMES = {"http", "https"}
LOWEST = 6


def card_html(card: str) -> SafeString:
    """The card, its headings one level lower than written: the page has a heading of its own."""
    tokens = READER.parse(card)
    for one in tokens:
        if one.type in {"heading_open", "heading_close"}:
            one.tag = f"h{min(LOWEST, int(one.tag[1]) + 1)}"
    written = READER.renderer.render(tokens, READER.options, {})
    # The reader writes no HTML of the card's own; the sanitiser holds even where that should once fail.
    return mark_safe(nh3.clean(written, tags=TAGS, attributes={"a": {"href"}}, url_schemes=SCHEMES))  # noqa: S308


def part_html(card: str, *headings: str) -> SafeString:
    """The parts of a card below these headings, whatever their case; empty where it has none of them."""
    wanted = {heading.lower() for heading in headings}
    written = (card_html(text) for heading, text in _parts(card) if heading.lower() in wanted)
    return SafeString("".join(written))


def _parts(card: str) -> Iterator[tuple[str, str]]:
    """Each heading and the words below it, up to the next heading that is not lower."""
    lines, tokens = card.splitlines(), READER.parse(card)
    heads = [
        (one, tokens[place + 1].content, int(one.tag[1]))
        for place, one in enumerate(tokens)
        if one.type == "heading_open"
    ]
    for place, (head, heading, level) in enumerate(heads):
        start = _lines_of(head)[1]
        following = (_lines_of(later)[0] for later, _, depth in heads[place + 1 :] if depth <= level)
        yield heading, "\n".join(lines[start : next(following, len(lines))]).strip()


def _lines_of(token: Token) -> tuple[int, int]:
    """First line of a block and the first after it."""
    if token.map is None:
        raise ValueError(f"A {token.type} stands in no line.")
    return token.map[0], token.map[1]
