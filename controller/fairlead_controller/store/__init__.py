"""The database: SQLModel tables, one repository for each aggregate. No row leaves this room."""
