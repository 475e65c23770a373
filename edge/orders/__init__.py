"""Orders from the cloud: on disk before acting, at most once, read back, and told until heard."""
