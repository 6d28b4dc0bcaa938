"""What `porter replay` prints, and how its modes read their logs."""
