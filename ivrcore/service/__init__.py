"""The service around the core: HTTP API, store, workers, notifications, rules. docs/service.md tells how."""
