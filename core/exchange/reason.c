/* reason: not yet filled in */
