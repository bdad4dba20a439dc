"""`moodstream model report`: a page about a batch of texts, with its pictures."""
