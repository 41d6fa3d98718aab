"""The HTTP API of the service: who asks, what is asked, and what is answered."""
