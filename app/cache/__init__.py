"""Keys, bytes and clocks; nothing of tasks."""
