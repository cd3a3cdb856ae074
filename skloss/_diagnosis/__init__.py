"""What the record of a fit says about it."""
