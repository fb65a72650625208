"""From a graph to a picture that can be read: modules that close, blocks that repeat."""
