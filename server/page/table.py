"""All pages, in one table."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from tablestore_memory.server.page import configuration, letters, overview, spending
from tablestore_memory.server.page.visit import Visit


@dataclass(frozen=True)
class Page:
    """`title` is its name in the navigation, if it stands there; one that `writes` is not there where the page
    only reads."""

    method: str
    path: str
    function: Callable[[Visit], Response]
    title: str = ""
    writes: bool = False


PAGES = (
    Page("GET", "/", overview.overview, "Overview"),
    Page("GET", letters.PATH, letters.listed, "Dead letters"),
    Page("GET", f"{letters.PATH}/letter", letters.shown),
    Page("GET", "/costs", spending.costs, "Costs"),
    Page("GET", "/settings", configuration.settings, "Settings"),
    *(
        Page(method, action.path, function(action), writes=True)
        for action in (letters.RETRY, letters.DISCARD)
        for method, function in (("GET", letters.asks), ("POST", letters.does))
    ),
)
