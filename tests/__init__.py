"""Porter's tests."""
