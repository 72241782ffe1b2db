"""Templates filled in. Whatever a value holds is text: escaped, and kept from changing what stands around it."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from tablestore_memory.server.page.visit import Visit
from tablestore_memory.worker.operations.status import lasting
from tablestore_memory.worker.stores.columns import moment as told_moment

_LANGUAGES = (("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("HANGUL", "ko"), ("CJK", "zh-Hans"))
"""By the names of characters, in this order: Japanese has Chinese characters, too."""


def render(visit: Visit | None, template: str, status: int = 200, **values: object) -> Response:
    """The page; a visit is None while nobody is in. Half of a surrogate pair becomes a question mark."""
    html = _templates.get_template(template).render(visit=visit, **values)
    return Response(html.encode("utf-8", "replace"), status, media_type="text/html")


def see_other(path: str, **query: object) -> Response:
    """After something was done: a page to look at, which may be looked at again."""
    return RedirectResponse(address(path, **query), status_code=303)


def address(path: str, **query: object) -> str:
    """With those that are not None or empty."""
    there = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(there)}" if there else path


def said(text: str) -> Markup:
    """What a person or a model wrote: in its own direction, and in the letters of its language."""
    language = language_of(text)
    return Markup('<bdi class="said" dir="auto" lang="{}">{}</bdi>').format(language, text)


def language_of(text: str) -> str:
    """As far as its characters say, which is what fonts need; "" for unknown."""
    if text.isascii():
        return ""
    names = {unicodedata.name(character, "").split("-")[0].split(" ")[0] for character in set(text)}
    return next((language for name, language in _LANGUAGES if name in names), "")


def moment(micros: int | None) -> Markup:
    """A stamp in µs, for people in UTC and for programs."""
    if not micros:
        return Markup("–")
    at = told_moment(micros)
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M:%S}</time>').format(at.isoformat(), at)


def number(n: float) -> str:
    """With its thousands apart."""
    return f"{n:,}"


def _environment() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: tuple[Callable[..., Any], ...] = (said, moment, number, lasting)
    templates.filters.update({each.__name__: each for each in filters})
    templates.globals["address"] = address
    return templates


_templates = _environment()
