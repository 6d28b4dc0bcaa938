"""The announcer: the small program that holds the raw sockets and answers ARP and NDP. All it needs is in this package.

It runs without site-packages and imports nothing of Porter's outside this package (`porter/__init__` included), so it
starts in milliseconds and its memory is an empty interpreter's. Never decides what to announce: it is told, as a whole.
"""
