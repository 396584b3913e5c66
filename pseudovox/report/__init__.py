"""Results: records, tables, the page."""
