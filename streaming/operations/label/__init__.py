"""`moodstream label` and the dashboard's page Label: texts for people to label, and the labels that they give."""
