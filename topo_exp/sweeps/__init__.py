"""Many runs: the space of their settings, and which process works on which of them."""
