"""What the workflows tell GitHub and ask it. Everything else that they do is a target of the Makefile."""
