"""Objectives: what a portfolio is to achieve, and within which limits."""
