/* interleave: not yet filled in */
