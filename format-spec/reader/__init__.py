"""An independent reader of Cairn repositories, written from ../spec alone."""
