"""Commands that attack the package and print what was tried and what failed; the tests run small parts of them."""
