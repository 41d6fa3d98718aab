"""Worker processes: each runs one SIP endpoint and the calls on it; the front end supervises them."""
