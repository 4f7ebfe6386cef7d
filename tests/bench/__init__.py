"""How fast the settle worker is, as ratios to others on the same machine, broker, topics and in the same run."""
