"""Fan-out to many clients: F1 to F7."""
