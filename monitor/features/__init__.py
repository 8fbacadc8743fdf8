"""From samples to the arrays that models read. Training and monitor share every line of it."""
