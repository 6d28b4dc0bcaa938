"""The pages that the tests of the page look at."""

from pathlib import Path

import pytest

from porter.replay.page.document import document
from porter.replay.page.gathering import gather
from porter.replay.page.picture import Picture
from porter.replay.reading import installed_rules
from porter.replay.refold import Refold
from porter.replay.story import About
from tests.browser import Tab
from tests.replay.page.lives import eventful


def written(picture: Picture, path: Path) -> Path:
    path.write_text("".join(document(picture)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def picture() -> Picture:
    """The eventful hour as the page is given it."""
    return gather("node1.jsonl.gz", eventful(), Refold(installed_rules()), About())


@pytest.fixture(scope="session")
def eventful_page(picture: Picture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(picture, tmp_path_factory.mktemp("page") / "eventful.html")


@pytest.fixture
def tab(browser: Tab, eventful_page: Path) -> Tab:
    """The eventful hour, opened anew in a light window of 1,280 by 800."""
    browser.size(1280, 800)
    browser.prefer("light")
    browser.open(eventful_page)
    return browser
