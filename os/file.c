/* file: not yet filled in */
