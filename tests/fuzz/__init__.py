"""Inputs that nobody meant: a few seconds of it in every run, as much as you like by hand.

    CLEAN_AL_FUZZ=100000 python -m pytest tests/fuzz tests/exporters/test_fuzz.py

`corpus/` holds what once went wrong, or stands for a kind; each is tried as it is, and changed a little.
"""
