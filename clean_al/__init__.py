"""Active learning: choose what a human should label next."""
