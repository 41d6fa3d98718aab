"""What survives a kill: tables, and one module of plain functions for each subject."""
