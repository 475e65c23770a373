"""What hangs where: areas, gateways, meters, and the one link to them."""
