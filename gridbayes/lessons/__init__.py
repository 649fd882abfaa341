"""The figures of figures/, a file a lesson and a function a figure."""
