"""What an agent serves over HTTP: health, readiness, status for people and programs, metrics. All of it read-only."""
