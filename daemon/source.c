/* source: not yet filled in */
