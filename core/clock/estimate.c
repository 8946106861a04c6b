/* estimate: not yet filled in */
