/* record: not yet filled in */
