"""The processes of one machine: who starts, watches and ends whom."""
