"""From a graph to a readable picture: modules close, and repeated blocks fold."""
