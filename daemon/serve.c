/* serve: not yet filled in */
