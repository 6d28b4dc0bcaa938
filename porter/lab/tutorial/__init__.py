"""The user guide of layer 2 mode, walked step by step in a lab, each step with a proof.

The YAML files beside this are the guide's own, letter for letter; they are applied as they are.
"""
