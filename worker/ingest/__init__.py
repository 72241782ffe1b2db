"""From the oldest entries of a stream to rows in Tablestore, acknowledged after the write."""
