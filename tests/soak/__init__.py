"""The whole service for long: half an hour under load and kills, and ten times more than it can take."""
