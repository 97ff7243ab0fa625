"""The process that answers, records what it answered, and decides which model may go on answering."""
