"""Everything that may be asked, compared with a slow and obvious look at all the data."""
