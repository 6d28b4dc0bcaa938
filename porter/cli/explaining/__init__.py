"""What `porter explain` prints and reads with: answers as text in 80 columns, and as JSON with documented keys."""
