"""Who may ask: with a token, who shows it; without one, pages and programs of this machine."""

from hmac import compare_digest, new
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from voicetraits.serving.problems import Kind, Problem
from voicetraits.serving.responses import drain, send_problem
from voicetraits.serving.settings import is_loopback

LOGIN = "/login"
#: Whether the server lives is no secret.
_OPEN = frozenset(("/healthz", LOGIN))
_COOKIE = "voicetraits"
#: A login form holds a token.
_LONGEST_FORM_BYTES = 4096


class Access:
    """Middleware: what may not come in is answered with 401, or for a browser with a form that asks for the token.

    Programs show the token as `Authorization: Bearer …`. A browser cannot; it gets a cookie for it, which holds a
    keyed digest, is sent to this server alone, and is out of reach of scripts.

    Without a token, requests whose Host or Origin is not this machine's are turned away: a page of somebody else's
    could make the browser send them (DNS rebinding, cross-site requests).

    Args:
        app: what comes behind.
        token: None where nobody has to show one.
        home: where a browser goes that has shown it.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, home: str = "/") -> None:
        self._app, self._token, self._home = app, token, home
        self._session = new(token.encode(), b"voicetraits page", "sha256").hexdigest() if token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks over web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        if self._token is None:
            if _is_local(request):
                await self._app(scope, receive, send)
            else:
                await drain(receive)
                await send_problem(Problem(Kind.WRONG_HOST, "this server answers to 127.0.0.1 and localhost"), send)
        elif request.url.path == LOGIN:
            try:
                response = await self._login(request)
            except Problem as problem:
                await send_problem(problem, send)
            else:
                await response(scope, receive, send)
        elif request.url.path in _OPEN or self._may(request):
            await self._app(scope, receive, send)
        elif request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            await RedirectResponse(LOGIN, status_code=303)(scope, receive, send)
        else:
            await drain(receive)
            await send_problem(Problem(Kind.UNAUTHORISED, "show the token as `Authorization: Bearer <token>`"), send)

    def _may(self, request: Request) -> bool:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(shown.strip(), self._token):
            return True
        try:
            cookies = SimpleCookie(request.headers.get("cookie", ""))
        except CookieError:
            return False
        return _COOKIE in cookies and _same(cookies[_COOKIE].value, self._session)

    async def _login(self, request: Request) -> HTMLResponse | RedirectResponse:
        """Raises Problem where the form is too long."""
        if request.method != "POST":
            return HTMLResponse(_form(""))
        shown = parse_qs((await _form_sent(request.receive)).decode("utf-8", "replace")).get("token", [""])[0]
        if not _same(shown, self._token):
            return HTMLResponse(_form("This is not the token."), status_code=401)
        response = RedirectResponse(self._home, status_code=303)
        is_https = request.url.scheme == "https"
        response.set_cookie(_COOKIE, self._session, httponly=True, samesite="strict", secure=is_https)
        return response


async def _form_sent(receive: Receive) -> bytes:
    """Raises Problem where it is too long; nothing beyond that is kept."""
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
        if len(body) > _LONGEST_FORM_BYTES:
            if not is_whole:
                await drain(receive)
            raise Problem(Kind.TOO_LARGE, f"a form of more than {_LONGEST_FORM_BYTES} bytes; send the token alone")
    return body


def _same(shown: str, wanted: str) -> bool:
    return compare_digest(shown.encode("utf-8", "replace"), wanted.encode())


def _is_local(request: Request) -> bool:
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    return _is_local_host(host) and (origin is None or urlsplit(origin).netloc == host)


def _is_local_host(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)


def _form(message: str) -> str:
    said = f'<p role="alert">{escape(message)}</p>' if message else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>voicetraits: token</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 15vh auto; padding: 0 1rem }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin-top: .5rem }}</style></head>
<body><h1>voicetraits</h1>{said}
<form method="post" action="{LOGIN}"><label for="token">Token that this server was started with</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Go on</button></form></body></html>"""
