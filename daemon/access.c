/* access: not yet filled in */
