"""The command line: one module per group of commands; stages do the work, this prints it."""
