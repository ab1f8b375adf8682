"""The batch job deliver_proposals."""
