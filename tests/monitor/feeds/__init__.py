"""Status feeds, by scripted pages."""
