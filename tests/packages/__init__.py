"""What is published: how it is built, what is in it, and what installing it does."""
