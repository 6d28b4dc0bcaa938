"""A story as a page to look at: one HTML file that needs nothing else, no network and no server.

`gathering` takes what the page shows from a replay, `document` writes the file. `page.html`, `page.css` and the scripts
are put together there; the scripts draw the timeline in the browser.
"""
