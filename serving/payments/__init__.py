"""Payments: judged before money moves, reserved while they are reviewed, settled at once or outside of the platform."""
