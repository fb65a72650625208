"""How training by several ranks scales, what of its communication is hidden, and a model of larger clusters."""
