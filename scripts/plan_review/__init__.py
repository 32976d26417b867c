"""Reviews a saved plan: what it would do, as Markdown, and whether something stops it."""
