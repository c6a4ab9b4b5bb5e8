"""Label Studio's HTTP API, as far as the loop needs it."""
