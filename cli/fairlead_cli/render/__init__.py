"""What people and programs see: tables, JSON, plans, errors."""
