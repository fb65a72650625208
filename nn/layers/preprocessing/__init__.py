"""From raw data to numbers: categories, vocabularies, scales."""
