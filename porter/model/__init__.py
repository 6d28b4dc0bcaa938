"""The values that every part of Porter speaks. Frozen, compared by content, and free of any I/O."""
