"""The agent as a service that looks after itself: its watchdog, its releases, and signed updates on trial."""
