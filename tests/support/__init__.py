"""Strict fakes: they refuse what the thing they stand for refuses."""
