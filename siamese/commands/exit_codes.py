"""The exit codes of the command line, by which scripts tell answers apart; see docs/api.md."""

SAME, DIFFERENT, INPUT_ERROR, UNCERTAIN, NONE = range(5)
OWN_ERROR = 70  # EX_SOFTWARE of sysexits.h; Python's own 1 would say "different people"
STOPPED, READER_GONE = 130, 141  # 128 and the number of the signal: SIGINT, SIGPIPE
