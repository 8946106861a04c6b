/* discipline: not yet filled in */
