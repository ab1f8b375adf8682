"""What administrators see and change: users, the platform in numbers, the scheduler, the audit log."""
