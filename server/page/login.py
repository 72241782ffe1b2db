"""Coming in and going out."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tablestore_memory.server.page.door import Door
from tablestore_memory.server.page.guarded import form_of, guarded
from tablestore_memory.server.page.rendering import render, see_other
from tablestore_memory.server.problems import Problem


class Login:
    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> Iterator[Route]:
        yield Route("/login", guarded(self.by_link), methods=["GET"])
        yield Route("/login", guarded(self.by_token), methods=["POST"])
        yield Route("/logout", guarded(self.leave), methods=["POST"])

    async def by_link(self, request: Request) -> Response:
        """Without a key, the form to come in by a token."""
        key = request.query_params.get("key")
        if key is None or request.method != "GET":
            return render(None, "login.html", problem="")
        if login := self._door.by_key(key):
            return self._in(request, login)
        return render(None, "login.html", 403, problem="This link was used, or it is too old.")

    async def by_token(self, request: Request) -> Response:
        (token,) = (await form_of(request)).get("token", [""])[-1:]
        try:
            login = self._door.by_token(token)
        except Problem as problem:
            told = f"This token does not open the page: {problem.reason}."
            return render(None, "login.html", problem.status, problem=told)
        return self._in(request, login)

    async def leave(self, request: Request) -> Response:
        self._door.leave(request.cookies.get(cookie_of(request), ""))
        response = see_other("/login")
        response.delete_cookie(cookie_of(request), httponly=True, samesite="strict")
        return response

    def _in(self, request: Request, login: str) -> Response:
        """A page that leads on: a redirection that began at another site would come without the cookie."""
        response = render(None, "welcome.html")
        response.set_cookie(
            cookie_of(request),
            login,
            max_age=round(self._door.login_s),
            httponly=True,
            samesite="strict",
            secure="https" in (request.url.scheme, request.headers.get("x-forwarded-proto")),
        )
        return response


def cookie_of(request: Request) -> str:
    """Servers on other ports of a machine would overwrite it."""
    return f"memory-page-{request.url.port or 'login'}"
