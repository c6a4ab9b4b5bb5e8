"""What a round knows beyond its order, worked out once the order is served, see `gather.py`."""
