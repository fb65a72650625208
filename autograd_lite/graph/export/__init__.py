"""Files: what a graph is written to and read from, and what the command line draws."""
