"""The only place where engines are imported: connections, and nothing that decides."""
