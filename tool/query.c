/* query: not yet filled in */
