"""An operator's verbs: which entries a name means, and holding, releasing, raising, cancelling, giving back."""
