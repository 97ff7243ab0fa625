"""The process that answers, records what it answered, and decides which model may go on answering."""

from schemas.reporting import report_nothing

report_nothing()
