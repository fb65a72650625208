"""NaN and infinity: stopping where they begin, and why they did."""
