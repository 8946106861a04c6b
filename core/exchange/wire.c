/* wire: not yet filled in */
