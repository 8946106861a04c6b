/* privilege: not yet filled in */
