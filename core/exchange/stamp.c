/* stamp: not yet filled in */
