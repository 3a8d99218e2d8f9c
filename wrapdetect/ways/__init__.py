"""Every way out to a bot, a page or a status feed, each chunk stamped. One of the three rooms that touch the world."""
