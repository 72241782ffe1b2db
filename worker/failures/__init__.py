"""What can go wrong, whose fault it is, and how long what fails is tried. The page to it is docs/failures.md."""
