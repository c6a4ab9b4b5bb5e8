"""Switching the loop on for a project, and all that is said and taken away about one."""
