/* departure: not yet filled in */
