"""`tidemark demo`: from real prices to a served VaR, through every part of the platform."""

from lakehouse.cli.demo.command import demo

__all__ = ["demo"]
