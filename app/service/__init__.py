"""The straight line: scope, cache, fan-out, merge, encode."""
