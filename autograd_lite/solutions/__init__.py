"""Solutions of equations that can be differentiated, each with a certificate."""
