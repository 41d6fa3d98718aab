"""The admin API and what stands behind it: who may change what, and a line in the audit log for each."""
