"""What every stream processor shares and no single one owns."""
