/* main: not yet filled in */
