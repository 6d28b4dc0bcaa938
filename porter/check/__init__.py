"""Will Porter work here? What `porter check` looks at, on a workstation and on a node. It changes nothing.

`survey` reads the cluster, one module for each concern judges what was read, and `checking` puts it together. Where the
reconciler has a judgement (pools, NICs, nodes), it is asked, so that a check and a decision cannot part.
"""
