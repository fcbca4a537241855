"""Taskgate: one gateway to the tasks of Acronis Cyber Protect Cloud."""

__version__ = "0.1.0"
