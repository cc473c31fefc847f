"""What runs the models for the page and the HTTP endpoints."""
