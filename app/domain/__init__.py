"""What may be asked and answered: pure, no I/O, no clock."""
