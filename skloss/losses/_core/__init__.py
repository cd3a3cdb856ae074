"""What a loss is: its facts, its links, its algebra; no loss in particular."""
