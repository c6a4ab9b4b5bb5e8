"""The loop itself: marks and jobs, the round, the queue head, and what keeps them going."""
