"""Native kernels: NumPy ufuncs written in C, and what runs plans with them. All of it is optional."""
