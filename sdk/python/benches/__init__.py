"""Speeds of the SDK, each by one command."""
