"""What a job is: a request that becomes events and one result; cancel, journal, resume."""
