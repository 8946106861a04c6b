/* client: not yet filled in */
