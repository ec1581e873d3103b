"""Trimtab client (under construction)."""
