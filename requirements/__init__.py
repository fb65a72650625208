"""What is installed: the groups of dependencies, and the versions that the tests run with."""
