"""URLs: their parts, what is below them, and what of them and of errors may be shown."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from xarray_safe.errors import InvalidArgumentError

NODES = re.compile(r"(.*/Products\([^()]+\)/Nodes\([^()]+\))(?:/Nodes\((.+)\))?(?:/Nodes|/\$value)?")
"""Path of a folder of OData, and of what is in it."""

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:://|::)")
"""Start of a URL or of a chain of fsspec's. A scheme has two letters or more: ``C:`` is a drive."""

_USER = re.compile(r"(?<=://)[^/?#]*@")


def redact_url(url: str) -> str:
    """Return a URL, or a chain of them, for messages: without users, and without the query, which may hold a key."""
    return _USER.sub("", url.partition("?")[0].partition("#")[0])


def redact(text: str) -> str:
    """Return a text on one line; URLs in it lose user, password and query, which may be a signature."""
    return " ".join(redact_url(word) if "://" in word else word for word in text.split())


def describe_error(error: BaseException, limit: int | None = 200) -> str:
    """Return kind and text of an error on one line, without secrets of URLs; at most `limit` characters of text."""
    text = redact(str(error))
    short = text[:limit] + ("…" if limit is not None and len(text) > limit else "")
    return f"{type(error).__name__}: {short}" if short else type(error).__name__


def showable(error: BaseException) -> BaseException | None:
    """Return an error as a cause to show in tracebacks; None if its text, or that of its own causes, has secrets."""
    link: BaseException | None = error
    seen: set[int] = set()  # libraries that raise a stored error again may close a circle
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        text = str(link)
        if redact(text) != " ".join(text.split()):
            return None
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return error


def is_url(text: str) -> bool:
    """Return True if a text begins as a URL, or a chain of them, does."""
    return URL.match(text) is not None


def is_remote(text: str) -> bool:
    """Return True if a text is the URL of something that is not a local file."""
    return is_url(text) and not text.lower().startswith("file://")


def scheme_of(url: str) -> str:
    """Return the scheme of a URL in lower case; that of the first link of a chain; "" if it has none."""
    found = URL.match(url)
    return found[0].rstrip(":/").lower() if found else ""


def is_web(path: str) -> bool:
    """Return True if a path is a web server's URL."""
    return path[:8].lower().startswith(("http://", "https://"))


def web_parts(url: str) -> SplitResult:
    """Take a web server's URL apart.

    Raises
    ------
    InvalidArgumentError
        It is not one, or its port is not a number up to 65535.
    """
    try:
        parts = urlsplit(url)
        parts.port  # looked at only now
    except ValueError as error:
        raise InvalidArgumentError(f"{redact_url(url)} is not a valid URL ({error})") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidArgumentError(f"{redact_url(url)} is not a URL of a web server")
    return parts


def join_url(root: str, name: str) -> str:
    """URL of a file below a folder's; the query (a signature) stays, and OData has a spelling of its own."""
    parts = urlsplit(root)
    if re.search(r"/Products\([^()]+\)/Nodes\([^()]+\)", parts.path):
        folder = re.sub(r"/(?:Nodes|\$value)?$", "", parts.path.rstrip("/"))
        path = folder + "".join(f"/Nodes({quote(part)})" for part in name.split("/")) + "/$value"
    else:
        path = f"{parts.path.rstrip('/')}/{quote(name)}"
    return urlunsplit(parts._replace(path=path))


def path_of(place: str) -> str:
    """Path of a web server's URL; of other places, these themselves."""
    return urlsplit(place).path if is_web(place) else place


def with_path(place: str, path: str) -> str:
    """Return the URL of another path on the same web server, with the same query; of other places, the path itself."""
    return urlunsplit(urlsplit(place)._replace(path=path, fragment="")) if is_web(place) else path
