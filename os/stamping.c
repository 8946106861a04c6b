/* stamping: not yet filled in */
