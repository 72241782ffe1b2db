"""All pages, in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from tablestore_memory.server.page import (
    actions,
    configuration,
    conversations,
    events,
    letters,
    memories,
    overview,
    spending,
    users,
)
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
    Page("GET", "/users", users.users, "Users"),
    Page("GET", "/user", users.user),
    Page("GET", "/history", users.history),
    Page("GET", "/sessions", conversations.sessions),
    Page("GET", "/session", conversations.session),
    Page("GET", memories.PATH, memories.memory),
    Page("GET", f"{memories.PATH}/edit", memories.edit_form, writes=True),
    Page("POST", f"{memories.PATH}/edit", memories.edit, writes=True),
    Page("GET", f"{memories.PATH}/delete", memories.ask_delete, writes=True),
    Page("POST", f"{memories.PATH}/delete", memories.delete, writes=True),
    Page("GET", "/event", events.event, "Events"),
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
