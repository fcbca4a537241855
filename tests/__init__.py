"""The tests mirror app/ file by file."""
