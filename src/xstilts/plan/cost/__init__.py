"""What a plan costs before it runs: tokens, FLOPs, hours on a card, bytes on disk."""
