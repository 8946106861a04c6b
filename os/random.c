/* random: not yet filled in */
