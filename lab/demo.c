/* demo: not yet filled in */
