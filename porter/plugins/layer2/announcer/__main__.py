"""`python -m porter.plugins.layer2.announcer`: for trying it by hand. The agent starts it leaner, see process.py."""

from .program import main

main()
