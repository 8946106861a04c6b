/* log: not yet filled in */
