"""Species that a model knows from its training: classifiers, where and when a species occurs, detections."""
