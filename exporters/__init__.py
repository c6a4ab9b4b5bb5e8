"""Annotations and queues, written for Label Studio, CVAT and Prodigy."""
