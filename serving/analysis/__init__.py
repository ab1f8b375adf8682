"""Analysis sessions: a socket on which measures of a holding arrive as each is computed."""
