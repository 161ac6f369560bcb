"""What asv tracks, by operation. `common` has what the modules share."""
