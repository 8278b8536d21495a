"""What a candidate costs and is worth."""
