"""All pages, in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from tablestore_memory.server.page import actions, configuration, letters, overview, spending
from tablestore_memory.server.page.kinds import PATH
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
    Page("GET", PATH, letters.listed, "Dead letters"),
    Page("GET", f"{PATH}/letter", letters.shown),
    Page("GET", "/costs", spending.costs, "Costs"),
    Page("GET", "/settings", configuration.settings, "Settings"),
    *(
        Page(method, action.path, partial(function, action), writes=True)
        for action in actions.ACTIONS
        for method, function in (("GET", actions.ask), ("POST", actions.do))
    ),
)
