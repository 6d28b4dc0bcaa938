"""An embedded Kubernetes API server for the lab and for tests: real HTTP, objects in memory, no cluster behind it.

A real kubectl and the Kubernetes clients talk to it. It installs nothing of Porter and runs no Pod.
"""

from porter.lab.apiserver.listening import Listen
from porter.lab.apiserver.server import ApiServer

__all__ = ["ApiServer", "Listen"]
