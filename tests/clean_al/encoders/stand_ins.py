"""Encoders as a user's own module would have them."""

import numpy as np


class Lengths:
    """Two columns: the length of a text, and one."""

    identity = "lengths 1"
    dimension = 2

    def encode(self, values):
        return np.array([[len(value), 1] for value in values])


class Plain:
    """Says neither its identity nor its dimension."""

    def encode(self, values):
        return [[len(value), 1, 0] for value in values]


class Wrong(Lengths):
    def encode(self, values):
        return np.zeros((1, 2))


class Falling(Lengths):
    def encode(self, values):
        raise RuntimeError("out of\n memory")


class NotANumber(Lengths):
    def encode(self, values):
        return [[np.nan, 1] if value == "nan" else [2, 1] for value in values]


def broken():
    raise OSError("no weights here")


def no_encoder():
    return 3


not_a_function = 3
