"""A client of plain HTTP, as bare as the recorder's: the standard library, one connection a request."""

from __future__ import annotations

import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    kind: str
    body: Any
    headers: Mapping[str, str]


class Client:
    def __init__(self, url: str, token: str = "", authority: bytes = b"") -> None:
        self.url, self.token = url, token
        self._context = ssl.create_default_context(cadata=authority.decode()) if authority else None

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float = 20,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, method=method, headers={"Accept": accept, **(headers or {})}
        )
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if data is not None:
            request.add_header("Content-Type", content_type)
        return urllib.request.urlopen(request, timeout=timeout, context=self._context)

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        """A bare connection, for a request that no library would send."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as made:
            yield made

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        try:
            with self.request(method, path, body, **more) as answer:
                status, headers, raw = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, headers, raw = error.code, error.headers, error.read()
        try:
            value = json.loads(raw)
        except ValueError:
            value = raw.decode(errors="replace")
        kind = (headers.get("Content-Type") or "").split(";")[0]
        return Answer(status=status, kind=kind, body=value, headers=headers)

    def get(self, path: str, **more: Any) -> Any:
        """The body of a GET that must succeed; a new kind's 429 is waited out, as clients do."""
        for _ in range(40):
            answer = self.ask("GET", path, **more)
            if answer.status != 429:
                break
            time.sleep(0.05)
        assert answer.status == 200, answer
        return answer.body

    def post(self, path: str, body: Any, **more: Any) -> Any:
        answer = self.ask("POST", path, body, **more)
        assert answer.status == 201, answer
        return answer.body

    def patch(self, path: str, body: Any, content_type: str = MERGE) -> Any:
        answer = self.ask("PATCH", path, body, content_type=content_type)
        assert answer.status in (200, 201), answer
        return answer.body

    def events(self, path: str, *, seconds: float = 1) -> Iterator[Any]:
        """The events of a watch that the server is asked to end after some seconds."""
        joint = "&" if "?" in path else "?"
        with self.request("GET", f"{path}{joint}watch=1&timeoutSeconds={seconds:g}") as answer:
            for line in answer:
                yield json.loads(line)
