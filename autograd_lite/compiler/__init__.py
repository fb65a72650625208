"""From programs to plans, and from plans to code that replays them."""
