"""What everything that uses a network shares: URLs and their redaction, the retry policy, who may get credentials."""
