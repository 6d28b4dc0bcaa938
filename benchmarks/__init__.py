"""What Porter promises in numbers, measured. Nothing here is imported by Porter."""
