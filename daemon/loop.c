/* loop: not yet filled in */
