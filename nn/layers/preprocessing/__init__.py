"""From raw data to numbers: categories, vocabularies, texts, scales."""
