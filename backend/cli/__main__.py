"""Lets `python -m backend.cli` be the command."""

from backend.cli import main

if __name__ == "__main__":
    main()
