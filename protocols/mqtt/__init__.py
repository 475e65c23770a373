"""Topics and messages between gateways and cloud."""
