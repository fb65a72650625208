"""Everything that draws a graph."""
