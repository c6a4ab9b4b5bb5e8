"""The live loop between Label Studio and the sampler."""
