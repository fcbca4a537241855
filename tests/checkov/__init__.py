"""Tests: the image's recipe and the chart before checkov's eyes."""
