module lone; string hello() { return "hi"; }
