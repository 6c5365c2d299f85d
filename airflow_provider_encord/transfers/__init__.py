"""Transfers from a bucket to Encord; the bytes stay in the bucket."""
