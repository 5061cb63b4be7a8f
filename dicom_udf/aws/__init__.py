"""How this process talks to AWS: clients, tries and waits, and what refusals mean. Knows no source and no table."""
