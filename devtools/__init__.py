"""The deployment on one machine: for `make up`, demo, chat, examples, tests and bench. Not in the wheel."""
