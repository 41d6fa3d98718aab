"""What customers have played: templates with variables, and voice files under review."""
