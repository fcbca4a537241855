"""The connection itself, below HTTP: its loop, its bounds, its protocol."""
