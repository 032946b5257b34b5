"""Reviews, their splits, their ids as arrays, and the batches that all four frameworks train on."""
