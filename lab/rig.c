/* rig: not yet filled in */
