"""Many models that answer as one."""
