"""A headless Chromium, driven by its DevTools protocol: as much of it as the tests of pages need."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

from tests.needs import needed

_START_SECONDS = 60
_ANSWER_SECONDS = 60
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # the tests may run as root, and what is opened is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Tab:
    """One page that is open. Everything waits for its answer, at most a minute."""

    def __init__(self, url: str) -> None:
        self._socket = websocket.create_connection(url, timeout=_ANSWER_SECONDS)
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        """What the browser told without being asked: requests, errors, messages."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv())
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                result: dict[str, Any] = told["result"]
                return result
            self.events.append(told)

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page and return its value."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def go(self, url: str) -> None:
        """Begin to open an address; what the browser told of the page before is forgotten."""
        self.events.clear()
        self.call("Page.navigate", url=url)

    def open(self, path: Path) -> None:
        """Open a file and wait until its scripts have run and it was drawn."""
        self.go(path.resolve().as_uri())
        end = time.monotonic() + _ANSWER_SECONDS
        while not self.run("Boolean(globalThis.Porter && Porter.ready)"):
            assert time.monotonic() < end, f"the page did not come up: {self.complaints()}"
            time.sleep(0.05)
        self.settle()

    def settle(self) -> None:
        """Wait until what was changed is drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def size(self, width: int, height: int) -> None:
        """Give the window a size in pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        """Prefer a light or dark scheme, as the settings of a desktop do."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def key(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        modifiers = 8 if shift else 0
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, modifiers=modifiers, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, modifiers=modifiers)
        self.settle()

    def mouse(self, kind: str, x: float, y: float, **parameters: Any) -> None:
        """Let the mouse move, press, release or turn its wheel: "Moved", "Pressed", "Released", "Wheel"."""
        button = "none" if kind in {"Moved", "Wheel"} and "buttons" not in parameters else "left"
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, button=button, clickCount=1, **parameters)
        self.settle()

    def click(self, x: float, y: float) -> None:
        """Click once."""
        self.mouse("Moved", x, y)
        self.mouse("Pressed", x, y)
        self.mouse("Released", x, y)

    def screenshot(self, path: Path) -> None:
        """Keep what is seen as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def complaints(self) -> list[str]:
        """Return errors of scripts, violations of the policy, and what else the console was told."""
        found = []
        for event in self.events:
            match event.get("method"):
                case "Runtime.exceptionThrown":
                    found.append(json.dumps(event["params"]["exceptionDetails"]))
                case "Log.entryAdded":
                    found.append(event["params"]["entry"]["text"])
                case "Runtime.consoleAPICalled":
                    found.append(json.dumps(event["params"]["args"]))
                case _:
                    pass
        return found

    def requests(self) -> list[str]:
        """Return every address that the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """Start a Chromium with a fresh profile in an empty folder, and end it afterwards."""
    program = needed(shutil.which("chromium"), "Chromium", "chromium")
    profile = folder / "profile"
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [program, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            stdout=said,
            stderr=said,
            start_new_session=True,
            env={**os.environ, **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(folder))},
        )
    try:
        tab = Tab(_first_tab(process, profile / "DevToolsActivePort", folder / "said"))
        try:
            yield tab
        finally:
            tab.call("Browser.close")
            tab.close()
            process.wait(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _first_tab(process: "subprocess.Popen[bytes]", port_file: Path, said: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, said.read_text(errors="replace")
        assert time.monotonic() < end, said.read_text(errors="replace")
        if port_file.exists() and "\n" in port_file.read_text():
            port = port_file.read_text().splitlines()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                pages = [one for one in json.load(answer) if one["type"] == "page"]
            if pages:
                url: str = pages[0]["webSocketDebuggerUrl"]
                return url
        time.sleep(0.05)
