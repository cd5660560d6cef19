"""The soak: the whole product under steady load while its processes are killed, and what was lost by that."""
