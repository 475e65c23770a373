"""Grafana: boards as code, their generated JSON, provisioning and push."""
