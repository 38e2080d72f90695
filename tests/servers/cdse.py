"""A stand-in for the Copernicus Data Space: identity server (as Keycloak answers), OData catalogue and downloads.

Downloads are asked for at 127.0.0.1 and redirected to localhost, another host, which wants the token, too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import struct
import threading
import time
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.background import Background, Handler

if TYPE_CHECKING:
    from pathlib import Path

REALM = "/auth/realms/CDSE/protocol/openid-connect"


@dataclass
class User:
    password: str
    otp: str | None = None
    """Base32 secret of the second factor."""


@dataclass
class Listed:
    """A product in the catalogue; `file` is its zip."""

    name: str
    file: Path
    id: str = "5d369f6c-909e-44f6-8fef-3a8220ba13e1"
    online: bool = True
    checksums: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    published: str = "2025-05-04T00:00:00Z"

    def entry(self) -> dict[str, object]:
        return {
            "Id": self.id,
            "Name": self.name,
            "S3Path": f"/eodata/Sentinel-2/MSI/L2A/2024/11/15/{self.name}",
            "ContentLength": os.path.getsize(self.file) if self.size is None else self.size,
            "Online": self.online,
            "PublicationDate": self.published,
            "ContentDate": {"Start": "2024-11-15T09:42:59.024Z", "End": "2024-11-15T09:42:59.024Z"},
            "Checksum": [{"Algorithm": name, "Value": value} for name, value in self.checksums.items()] or [{}],
        }


class Cdse(Background):
    """The stand-in; settings may be changed while it runs.

    Parameters
    ----------
    life, refresh_life
        Seconds for which tokens are good.
    explains
        Whether a missing second factor is named in the answer (Keycloak says no more than "Invalid user credentials").
    redirect
        Where downloads are redirected; "" for the same server as localhost, None for nowhere.
    delay
        Seconds before a token is given.
    busy
        So many of the next downloads are answered 429.
    ranges, etags
        Whether downloads can be gone on with, and have an ETag.
    """

    def __init__(self, products: list[Listed] | None = None, *, life: float = 600, refresh_life: float = 3600) -> None:
        super().__init__(_Handler)
        self.products = products or []
        self.users = {"me@example.org": User("pass word & ü")}
        self.life, self.refresh_life = life, refresh_life
        self.explains = False
        self.redirect: str | None = ""
        self.delay = 0.0
        self.busy = 0
        self.retry_after = "0"
        self.ranges = self.etags = True
        self.logins = self.refreshes = self.logouts = self.downloads = self.refused = 0
        self.seen: list[str] = []
        """URLs asked for."""
        self.secrets: list[str] = []
        """All tokens given so far."""
        self.lock = threading.Lock()
        self._access: dict[str, tuple[str, float]] = {}
        self._refresh: dict[str, tuple[str, float]] = {}

    def grant(self, user: str) -> dict[str, object]:
        access, refresh = secrets.token_urlsafe(300), secrets.token_urlsafe(200)
        self.secrets += [access, refresh]
        self._access[access] = (user, time.time() + self.life)
        self._refresh[refresh] = (user, time.time() + self.refresh_life)
        return {
            "access_token": access,
            "expires_in": self.life,
            "refresh_token": refresh,
            "refresh_expires_in": self.refresh_life,
            "token_type": "Bearer",
            "scope": "AUDIENCE_PUBLIC openid email profile",
        }

    def spend(self, refresh: str) -> str | None:
        """Take a refresh token, which is good for once; give its user."""
        user, end = self._refresh.pop(refresh, ("", 0.0))
        return user if time.time() < end else None

    def knows(self, access: str) -> bool:
        return time.time() < self._access.get(access, ("", 0.0))[1]

    def revoke(self) -> None:
        """End all tokens at once, as an administrator can."""
        with self.lock:
            self._access.clear()
            self._refresh.clear()


class _Handler(Handler):
    @property
    def cdse(self) -> Cdse:
        found = self.owner
        assert isinstance(found, Cdse)
        return found

    def _json(self, status: int, body: object, **headers: str) -> None:
        self.answer(status, json.dumps(body).encode(), Content_Type="application/json", **headers)

    def do_POST(self) -> None:
        body = self.body()
        self.cdse.seen.append(self.path)
        kind = self.headers.get("Content-Type", "").partition(";")[0]
        if kind != "application/x-www-form-urlencoded" or "?" in self.path:
            self._json(400, {"error": "invalid_request"})
            return
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        time.sleep(self.cdse.delay)
        with self.cdse.lock:
            if form.get("client_id") != "cdse-public" or "client_secret" in form or "Authorization" in self.headers:
                self._json(401, {"error": "invalid_client", "error_description": "Invalid client credentials"})
            elif self.path == f"{REALM}/token":
                self._token(form)
            elif self.path == f"{REALM}/logout":
                self.cdse.logouts += 1
                self.cdse.spend(form.get("refresh_token", ""))
                self.answer(204)
            else:
                self._json(404, {"error": "not_found"})

    def _token(self, form: dict[str, str]) -> None:
        cdse, kind = self.cdse, form.get("grant_type")
        if kind == "refresh_token":
            cdse.refreshes += 1
            user = cdse.spend(form.get("refresh_token", ""))
            if user:
                self._json(200, cdse.grant(user))
            else:
                self._json(400, {"error": "invalid_grant", "error_description": "Token is not active"})
        elif kind == "password":
            cdse.logins += 1
            known = cdse.users.get(form.get("username", ""))
            if not known or known.password != form.get("password"):
                self._json(401, {"error": "invalid_grant", "error_description": "Invalid user credentials"})
            elif known.otp and form.get("totp") not in codes(known.otp):
                said = "Missing or invalid totp code" if cdse.explains else "Invalid user credentials"
                self._json(401, {"error": "invalid_grant", "error_description": said})
            else:
                self._json(200, cdse.grant(form["username"]))
        else:
            self._json(400, {"error": "unsupported_grant_type"})

    def do_GET(self) -> None:
        self.cdse.seen.append(self.path)
        url = urlsplit(self.path)
        path, query = unquote(url.path), parse_qs(url.query)
        found = re.fullmatch(r"/odata/v1/Products\(([\w-]+)\)((?:/Nodes\([^()]+\))*)/\$value", path)
        if path == "/odata/v1/Products":
            self._search(query.get("$filter", [""])[0])
        elif path == "/private":
            self._private()
        elif found:
            self._value(found[1], re.findall(r"Nodes\(([^()]+)\)", found[2]))
        else:
            self._json(404, {"detail": "Not Found"})

    do_HEAD = do_GET

    def _search(self, condition: str) -> None:
        exact = re.fullmatch(r"Name eq '([^']*)'", condition)
        like = re.fullmatch(r"startswith\(Name,'([^']*)'\) and contains\(Name,'([^']*)'\)", condition)
        if exact:
            found = [product for product in self.cdse.products if product.name == exact[1]]
        elif like:
            found = [p for p in self.cdse.products if p.name.startswith(like[1]) and like[2] in p.name]
        else:
            self._json(400, {"detail": {"message": "Invalid filter"}})
            return
        self._json(200, {"value": [product.entry() for product in found]})

    def _allowed(self) -> bool:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer" and self.cdse.knows(token):
            return True
        with self.cdse.lock:
            self.cdse.refused += 1
        self._json(401, {"detail": {"code": "Unauthorized", "message": "Expired signature!"}})
        return False

    def _private(self) -> None:
        if self._allowed():
            self._json(200, {"ok": True})

    def _value(self, identity: str, nodes: list[str]) -> None:
        cdse = self.cdse
        here = self.headers.get("Host", "").startswith("127.0.0.1")
        if cdse.redirect is not None and here:
            base = cdse.redirect or f"http://localhost:{cdse.port}"
            self.answer(301, Location=base + self.path)
            return
        if not self._allowed():
            return
        product = next((product for product in cdse.products if product.id == identity), None)
        with cdse.lock:
            busy = cdse.busy > 0
            cdse.busy -= busy
            cdse.downloads += 1
        if product is None:
            self._json(404, {"detail": {"message": "Product not found in catalogue"}})
        elif not product.online:
            self._json(404, {"detail": {"message": "The requested product is offline"}})
        elif busy:
            said = {"trace-id": "0", "code": "DAT-ZIP-100", "message": "Max session number exceeded"}
            self._json(429, said, Retry_After=cdse.retry_after)
        elif nodes:
            self._node(product, "/".join(nodes))
        else:
            self._file(product.file.read_bytes())

    def _node(self, product: Listed, name: str) -> None:
        with zipfile.ZipFile(product.file) as file:
            if name in file.namelist():
                self._file(file.read(name))
            else:
                self._json(404, {"detail": {"message": "Node not found"}})

    def _file(self, data: bytes) -> None:
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"ETag": tag} if self.cdse.etags else {}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not self.cdse.ranges or not wanted or self.headers.get("If-Range") not in (None, tag):
            self.answer(200, data, Content_Type="application/zip", **headers)
            return
        start, stop = int(wanted[1]), min(int(wanted[2] or len(data)) + bool(wanted[2]), len(data))
        if start >= len(data):
            self.answer(416, Content_Range=f"bytes */{len(data)}")
            return
        span = f"bytes {start}-{stop - 1}/{len(data)}"
        self.answer(206, data[start:stop], Content_Type="application/zip", Content_Range=span, **headers)


def codes(secret: str, now: float | None = None) -> list[str]:
    """Give the codes of a second factor (RFC 6238) that are good now: this half minute's and the last one's."""
    step = int((time.time() if now is None else now) // 30)
    found = []
    for counter in (step, step - 1):
        digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), "sha1")
        offset = digest[-1] & 15
        number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
        found.append(f"{number % 1_000_000:06}")
    return found
