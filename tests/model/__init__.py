"""Tests of the values that every part speaks."""
