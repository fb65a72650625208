"""What objects are made of: declared arguments, checks, names, and plain values from which they are made again."""
