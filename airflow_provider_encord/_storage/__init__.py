"""Files and buckets: what to upload, what lies in a bucket, and where details go."""
