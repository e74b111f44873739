"""How much the server takes: of one visitor, and of all together. SECURITY.md has the table."""

SECONDS = 120.0  # for a request, or an upload, to arrive
LONGEST = 900.0  # seconds for an upload that keeps arriving at SLOWEST
SLOWEST = 16_000  # bytes a second

# Uploads
MAX_FILE = 100_000_000  # bytes of one photo
MAX_UPLOAD = 512 * 2**20  # bytes of one upload, which may bring many photos
MAX_DISK = 2 * 2**30  # bytes of uploads that wait to be read
MAX_WAITING_FILES = 2000
SHARE = 4  # a client may have this part of both
MAX_FILES = MAX_WAITING_FILES // SHARE  # of one upload
MAX_NAME = 80  # characters of a file's name

# Requests in JSON
MAX_BODY = 64 * 2**20  # bytes of one; photos in data URLs included
MAX_QUEUED = 512 * 2**20  # bytes of those that wait for their turn
MAX_PARTS = 100_000  # values in one; 200 photos with their names are far fewer

# Connections, places and time
MAX_OPEN = 1000  # requests at a time; each open page holds one or two
MAX_OPEN_EACH = 200  # of one client, which may be a school
MAX_WAITING_EACH = 20  # of the places in the queue
MAX_AHEAD = 60.0  # seconds of work that a client may have taken beyond half of all time

MAX_REMEMBERED = 2 * 2**30  # bytes of the photos of all visits together
