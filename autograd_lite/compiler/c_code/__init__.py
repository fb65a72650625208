"""C code of a plan: what its native segments do, as text for a compiler."""
