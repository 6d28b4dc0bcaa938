"""Tests of the fold and the decisions, through their front doors."""
