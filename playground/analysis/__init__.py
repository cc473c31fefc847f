"""What can be learnt about a model and a text beyond its attention weights: one method a file."""
