/* statistics: not yet filled in */
