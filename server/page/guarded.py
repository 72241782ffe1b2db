"""What stands around every page: what goes wrong becomes a page, and a browser is told what it may do with one."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from tablestore_memory.server.guards.failures import problem_of
from tablestore_memory.server.page.rendering import render
from tablestore_memory.server.problems import Forbidden, Malformed, Problem, Unauthorized

Endpoint = Callable[[Request], Awaitable[Response]]
Form = dict[str, list[str]]

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`: with that, browsers send `Origin: null` with forms of our own.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FORM = "application/x-www-form-urlencoded"
_FIELDS_AT_MOST = 1_000


def guarded(endpoint: Endpoint) -> Endpoint:
    """Whatever happens is a page, and says what a browser may do with it."""

    async def answer(request: Request) -> Response:
        try:
            if request.method == "POST":
                _from_here(request)
            response = await endpoint(request)
        except Exception as error:  # noqa: BLE001 - told as every problem is, but to a person
            response = _problem(problem_of(error))
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return answer


def _from_here(request: Request) -> None:
    """Cookies know no ports, so what comes with ours may come from a neighbour's page. Raises Forbidden."""
    origin = urlsplit(request.headers.get("origin", "")).netloc
    if origin.lower() != request.headers["host"].lower():
        raise Forbidden("only a form of this page may send this", "Origin")


def _problem(problem: Problem) -> Response:
    if isinstance(problem, Unauthorized):
        return render(None, "login.html", problem.status, problem="")
    response = render(None, "problem.html", problem.status, problem=problem.told)
    response.headers.update(problem.headers)
    return response


async def form_of(request: Request) -> Form:
    """Raises Malformed."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Malformed(f"must be {_FORM}", "Content-Type")
    try:
        text = (await request.body()).decode()
        return parse_qs(text, keep_blank_values=True, max_num_fields=_FIELDS_AT_MOST)
    except ValueError:
        raise Malformed("not a form of this page", "body") from None
