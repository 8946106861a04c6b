/* timekeeper: not yet filled in */
