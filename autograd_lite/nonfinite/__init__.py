"""NaN and infinity: stopping where they begin, and explaining why they did."""
