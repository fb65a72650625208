"""What is computed of a graph for whoever runs it: from graphs to graphs, or to facts about them."""
