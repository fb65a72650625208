"""From a text in C to a function: the compiler, the libraries that it has made, and when it runs."""
