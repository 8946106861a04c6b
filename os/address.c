/* address: not yet filled in */
