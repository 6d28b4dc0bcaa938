"""The embedded API server, asked through its front door."""
