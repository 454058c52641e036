"""Policy: what the rules of a suite say of an upload's evidence. Pure; nothing is looked up, and nothing is done."""
