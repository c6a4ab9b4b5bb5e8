"""What is kept in MODEL_DIR: models, features, snapshots, progress and connections."""
