"""Numbered steps that bring an empty store to its contracts; a test proves that they arrive there."""
