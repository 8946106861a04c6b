/* conf: not yet filled in */
