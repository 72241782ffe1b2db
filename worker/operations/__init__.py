"""What an operator asks for: how a deployment stands, what is wrong with it, what is done by hand."""
