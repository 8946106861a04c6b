/* clock: not yet filled in */
