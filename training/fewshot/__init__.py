"""The few-shot tagger's encoder: distilled, joined with hand-made features, whitened; and how it is measured."""
