"""Where every head looked: captured in one forward pass, weights computed when asked for."""
