/* server: not yet filled in */
