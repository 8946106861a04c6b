/* conf_words: not yet filled in */
