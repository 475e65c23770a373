"""What is wrong, inferred on the topology, and who is told of it."""
