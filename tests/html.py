"""A page as somebody reads it: its text, its links, and the elements it is made of."""

from html.parser import HTMLParser
from typing import Any


class Html(HTMLParser):
    """`text` as it is shown, white space joined; `marked` are the texts of its <mark>s."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.marked: list[str] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._texts).split())

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a"]

    def link(self, begins: str) -> str:
        """The first that begins so."""
        return next(link for link in self.links if link.startswith(begins))

    @property
    def scripts(self) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag == "script"]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "mark":
            self.marked.append("")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._texts.append(data)
        if "mark" in self._open:
            self.marked[-1] += data
