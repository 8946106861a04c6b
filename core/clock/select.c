/* select: not yet filled in */
