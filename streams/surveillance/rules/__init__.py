"""One rule a file: which facts make a suspicion, and what is said of them. Each is a pure function of all facts."""
