"""Protocol plugins: the interface, the registry that finds them, and the host that runs each in its own thread."""
