"""Who may call whom, how often, at what price, and how long it is kept: no I/O."""
