"""Running the service: metrics, health, logs, first set-up."""
