"""Transfers: from a bucket into Encord, without moving the bytes."""
