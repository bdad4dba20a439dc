"""Figures of training runs, and the page of `moodstream model report`."""
