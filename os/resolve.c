/* resolve: not yet filled in */
