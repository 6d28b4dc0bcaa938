"""A bad wire between a host and its switch: late, lossy, or deaf to some. A process of its own, in user space.

It needs nothing of the kernel but packet sockets, so it is the same on every machine.
"""
