"""The report text: a template of an admin and the facts of a result become words. Pure; nothing is looked up here.

Templates are Django's own, in a sandbox: an engine without loaders, three tags, five filters, and a closed list of
variables, whose values are plain text, numbers written as text, truth values and lists of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.template import Context, Engine, TemplateSyntaxError
from django.template.base import Lexer, Token, TokenType
from django.utils.html import escape

from review.report_changes import CHANGE_FIELDS, NADIR_VARIABLES

VOLUME_FIELDS = {
    "name": "the region in words",
    "code": "WT, TC, ET, ED or NC",
    "ml": "the volume in mL",
    "low_ml": "the lower end of its 95 % interval",
    "high_ml": "the upper end",
    "prior_ml": "the volume at the visit before, empty where there is none",
    "prior_low_ml": "the lower end of its 95 % interval",
    "prior_high_ml": "the upper end",
    **CHANGE_FIELDS,
}
SERIES_FIELDS = {
    "role": "T1, T1CE, T2 or FLAIR",
    "number": "series number",
    "description": "series description",
}
LISTS: dict[str, dict[str, str]] = {
    "volumes": VOLUME_FIELDS,
    "series": SERIES_FIELDS,
    "warnings": {},
    "not_validated": {},
    "left_out": {},
    "response_reasons": {},
}
"""What a template may go through with "for", and the fields of each entry (none: the entry is text)."""

VARIABLES = {
    "patient_name": "the patient's name",
    "patient_id": "the patient's ID",
    "study_date": "the date of the study, 2026-11-23",
    "study_description": "the study's description",
    "accession_number": "the accession number",
    "volumes": "the regions whose volumes count",
    "left_out": "names of the regions that readers flagged as poor",
    "prior_date": "the date of the visit before that counts, empty where there is none",
    "response": "the suggested volumetric category (CR, PR, SD, PD ...), empty where the rules suggest none",
    "response_rule": "the profile of rules behind it",
    "response_reasons": "the arithmetic behind it",
    "nadir_date": "the date of the smallest enhancing tumour that it was compared with, empty where there is none",
    **NADIR_VARIABLES,
    "quality": "how many quality gates the images passed",
    "warnings": "the warnings of the result",
    "not_validated": "why the result lies outside of what was validated",
    "series": "the series that were used",
    "model": "model and version",
    "model_page": "the address of the page about the model",
    "model_statement": "what the model says of itself, in English",
    "is_demo": "whether a demonstration model made it",
    "reviewed_by": "who accepted the result, empty where nobody did",
    "made_at": "when the result was made",
    "site_name": "the name of the site, as an admin set it",
    "disclaimer": "what the site adds; it stands at the end of every text that does not name it",
}
"""Everything that a template may name, with what it is."""

TAGS = frozenset({"if", "elif", "else", "endif", "for", "empty", "endfor", "comment", "endcomment"})
OPERATORS = frozenset({"and", "or", "not", "in", "is", "None", "True", "False"})
LOOP_FIELDS = frozenset({"first", "last", "counter"})
STRINGS = re.compile(r"\"[^\"]*\"|'[^']*'")
FILTERS = re.compile(r"\|\s*\w+")
LINK = re.compile(r"https?://[^\s<]+")
WORDS = re.compile(r"[A-Za-z_][\w.]*")
LONGEST = 20_000


class TemplateMistakeError(Exception):
    """A template cannot be used; the text says in which line, at which word, and why."""


class SandboxedEngine(Engine):
    """Django's template engine without the tags that load, include or call anything."""

    default_builtins = ["review.report_language"]


ENGINE = SandboxedEngine(loaders=[], autoescape=False)


def render_report(template: str, facts: Mapping[str, Any]) -> str:
    """The words of a template about a result.

    Raises:
        TemplateMistakeError: the template names what does not exist, or is not well formed.
    """
    check_template(template)
    text = ENGINE.from_string(template).render(Context(dict(facts), autoescape=False))
    lines = (line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def as_rich_text(text: str) -> str:
    """The same words as HTML for a clipboard: a paragraph for each block, its first line bold where others follow.

    Addresses become links.
    """
    return "".join(_paragraph(block.splitlines()) for block in text.strip().split("\n\n"))


def _paragraph(lines: list[str]) -> str:
    first, *others = (LINK.sub(r'<a href="\g<0>">\g<0></a>', escape(line)) for line in lines)
    return f"<p>{'<br>'.join([f'<b>{first}</b>', *others]) if others else first}</p>"


def check_template(template: str) -> None:
    """Refuse what cannot be rendered, before any result is at hand.

    Raises:
        TemplateMistakeError: with line and word.
    """
    if len(template) > LONGEST:
        raise TemplateMistakeError(f"A template has at most {LONGEST} characters.")
    entries: list[tuple[str, str]] = []
    tokens = Lexer(template).tokenize()
    for token in _outside_of_comments(tokens):
        if token.token_type == TokenType.VAR:
            _check_words(token, token.contents, entries)
        elif token.token_type == TokenType.BLOCK:
            _check_tag(token, entries)
    try:
        ENGINE.from_string(template)
    except TemplateSyntaxError as error:
        at: Token | None = getattr(error, "token", None)
        where = f"Line {at.lineno}, “{at.contents}”: " if at else ""
        raise TemplateMistakeError(f"{where}{error}") from error


def _outside_of_comments(tokens: list[Token]) -> Iterator[Token]:
    inside = False
    for token in tokens:
        if token.token_type == TokenType.BLOCK and token.contents.startswith(("comment", "endcomment")):
            inside = token.contents.startswith("comment")
        elif not inside:
            yield token


def _check_tag(token: Token, entries: list[tuple[str, str]]) -> None:
    tag, _, rest = token.contents.partition(" ")
    if tag not in TAGS:
        raise _mistake(token, tag, f"there is no such tag; there are {', '.join(sorted(TAGS))}")
    if tag == "for":
        loop = re.fullmatch(r"(\w+) in (\w+)", rest.strip())
        if loop is None or loop[2] not in LISTS:
            raise _mistake(token, rest, f"a loop goes “for one in LIST” through {', '.join(LISTS)}")
        entries.append((loop[1], loop[2]))
    elif tag == "endfor" and entries:
        entries.pop()
    else:
        _check_words(token, rest, entries)


def _check_words(token: Token, said: str, entries: list[tuple[str, str]]) -> None:
    bare = FILTERS.sub("", STRINGS.sub("", said))
    for word in WORDS.findall(bare):
        if word not in OPERATORS and word not in VARIABLES and not _is_entry(word, entries):
            raise _mistake(token, word, "there is no such variable")


def _is_entry(word: str, entries: list[tuple[str, str]]) -> bool:
    name, _, field = word.partition(".")
    if entries and name == "forloop":
        return field in LOOP_FIELDS
    return any(name == loop and (field in LISTS[of] or not field) for loop, of in entries)


def _mistake(token: Token, word: str, why: str) -> TemplateMistakeError:
    return TemplateMistakeError(f"Line {token.lineno}, “{word}”: {why}.")
