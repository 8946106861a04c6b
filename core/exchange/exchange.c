/* exchange: not yet filled in */
