"""`make audit`: what we depend on, as a bill of materials, and which of it is known to have holes."""
