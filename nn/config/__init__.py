"""What objects are made of: declared arguments, their checks, names, and plain values to make the objects from again."""
