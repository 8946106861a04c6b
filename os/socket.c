/* socket: not yet filled in */
