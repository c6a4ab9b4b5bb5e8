"""From a labeling config, tasks and annotations to something that a model can learn."""
