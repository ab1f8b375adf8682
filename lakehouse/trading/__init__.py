"""Orders as pure values: their states, reservations, families and pre-trade rules. Nothing here reads or writes."""
