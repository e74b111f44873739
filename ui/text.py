"""Every English word that the page shows, in one place; names in braces are put in later."""

TITLE = "Same person?"
SUBTITLE = (
    "Compare the faces in two photos, or find out who of several people is in one. You get a"
    " probability that means what it says, and “uncertain” when that is the honest answer."
)
TAB_VERIFY = "Two photos"
TAB_PICK = "Who is it?"

# The two photos, the query
FIRST = "First photo"
SECOND = "Second photo"
QUERY = "The person you look for"
DROP = "Drop a photo here, paste it,\nor click to choose one"
DROP_MANY = "Drop photos of the people to choose from, or click to choose them"
ANOTHER_PHOTO = "Another photo"
MORE_FACES = "Find more faces"
FACE = "Face {number}"
FACE_OF = "Face {number} of {total}"
FACE_USED = "used for the answer"
CHOOSE_FACE = "Which face?"
PHOTO_ALT = "{role}, {name}, with the faces found in it marked"
PHOTO_ALT_BARE = "{role}, {name}"
CROP_ALT = "The face from {name}, cut out and aligned"
ONE_FACE = "1 face found"
SEVERAL_FACES = "{count} faces found. Tap the one you mean."
DIMENSIONS = "{width} × {height} pixels"

# Options
OPERATING_POINT = "How careful should “same” be?"
OPERATING_POINT_INFO = "Fewer false matches means that more true ones are missed."
OPERATING_POINTS = {
    "balanced": "Balanced",
    "fmr_1": "Careful: 1 % false matches",
    "fmr_0_1": "Very careful: 0.1 % false matches",
}
PRIOR = "How likely was “same person” before you looked? (%)"
PRIOR_INFO = (
    "50 if you have no idea. Bayes’ rule weighs it with the photos: it moves the probability,"
    " never the verdict."
)
NONE_PRIOR = "How likely is it that the person is none of these? (%)"
NONE_PRIOR_INFO = "50 if you have no idea. Bayes’ rule weighs it with the photos."
OPTIONS = "Options"

# The answer
WAITING_PAIR = "Add two photos. The answer appears here by itself."
WAITING_SECOND = "One more photo, and the answer appears here."
WAITING_PICK = "Add a photo of the person you look for, and photos of the people to choose from."
WAITING_PEOPLE = "Now add photos of the people to choose from."
WAITING_QUERY = "Now add a photo of the person you look for."
VERDICTS = {
    "same": "Same person",
    "uncertain": "Uncertain",
    "different": "Different people",
}
LEADS = {
    "same": "These two faces probably belong to the same person.",
    "uncertain": "These photos do not settle it. Clearer or more similar photos may.",
    "different": "These two faces probably belong to different people.",
}
SIGNS = {"same": "=", "uncertain": "?", "different": "≠"}
PROBABILITY_OF_SAME = "probability of the same person"
MEANING = (
    "Of 1,000 pairs that look as alike as this one, {count} show the same person, if"
    " “same” had a chance of {prior} beforehand."
)
RATES = (
    "Decided at “{point}”: of 1,000 random pairs of different people, {fmr} are called the"
    " same ({fmr_errors} of {fmr_trials} measured on {data}, 95 % interval {fmr_low} to"
    " {fmr_high}); of 1,000 pairs of the same person, {fnmr} are not ({fnmr_errors} of"
    " {fnmr_trials}, {fnmr_low} to {fnmr_high})."
)
RATES_UNMEASURED = "Decided at “{point}”, whose error rates have not been measured."
SCALE_LABEL = (
    "Scale of the probability. Below {different} the verdict is “different people”, from {same} on"
    " “same person”, between them “uncertain”. This pair lies at {here}."
)
SCALE_LABEL_NO_BAND = (
    "Scale of the probability. From {same} on the verdict is “same person”, below it “different"
    " people”. This pair lies at {here}."
)
ZONES = {"different": "different", "uncertain": "uncertain", "same": "same"}
THIS_PAIR = "this pair"
NOT_CERTAIN = "Nothing here is certain: look at the photos yourself before you believe it."
ALL_PAIRS = "Compare all faces"
ALL_PAIRS_TITLE = "Every face of the first photo (rows) with every face of the second (columns)"
COPY_JSON = "Copy as JSON"
COPIED = "Copied"
SAVE_JSON = "Save as JSON"
SAVE_PICTURE = "Save as picture"
DETAILS = "How this was decided"
MILLISECONDS = "Computed in {total} ms: {stages}."
OPERATING_POINT_HEADING = "Operating point"

# The pick
PEOPLE = "Photos of the people to choose from"
PERSON_NAME = "Name of the person in {photo}"
PERSON_NAME_HINT = "Photos with the same name count as one person. Names can be changed."
REMOVE_PHOTO = "Remove {photo}"
NOT_USED = "Not used"
NONE_OF_THESE = "None of these"
WINNER = "Most likely: {name}"
NOBODY = "None of these people"
NOBODY_LEAD = "The person is probably not among them."
WINNER_LEAD = "Of these people, this one fits best."
AHEAD = "{points} percentage points ahead of “{runner}”."
PAIR_ALONE = "Compared with this person alone the verdict would be: {verdict}."
OTHERS = "{count} others together"
PHOTOS_COUNT = "{count} photos"
RANKING = "How probable each answer is"
READING = "Reading photo {number} of {total}"
TOO_MANY = "At most {limit} photos can be compared at once; the first {limit} are used."
EMPTY_NAME = "photo {number}"

# Honesty
ABOUT_TITLE = "What this is not for"
ABOUT = (
    "Not for access control, surveillance, or decisions about people: it errs, and more often for"
    " some groups than for others. It does not check that a face is live, so a photo of a photo"
    " passes. Use photos only of people who agree to it."
)
PRIVACY = (
    "Photos are not kept: each is deleted from disk as soon as it is read, stays in this visit’s"
    " memory until {minutes} minutes after you last used it, is never shared and never used for"
    " training."
)
CLEAR = "Clear my photos now"
CLEARED = "Your photos and answers have been deleted from the server’s memory."
EXPIRED = "Your photos were deleted after {minutes} minutes; please add them again."
ANSWERED_BY = "Answered by"
MODEL_CARD = "Model card of the network"
CHECKPOINT_LINE = "Network {name}, weights {sha}"
RATES_TABLE = "Measured error rates"
RATES_HEAD = ("Setting", "Different people called “same”", "Same person not called “same”")
API_HINT = "Use it as an API"

# Errors
UNNAMED_PHOTO = "the photo"
NO_ADDRESSES = (
    "Web addresses are not fetched; send the photo itself, as a file or as a data URL"
    " (data:image/jpeg;base64,...)."
)
BAD_DATA_URL = 'The data URL of "{name}" is not valid base64; please encode the photo again.'
PHOTO_IS_GONE = 'The uploaded file "{name}" is gone; please upload it again.'
NOT_YOURS = "That file was not uploaded in this visit; please upload the photo itself."
TOO_LARGE = "The request is larger than {megabytes} MB; please send a smaller photo."
NOT_FOUND = "There is nothing at this address."
NO_NAMES = "There are {photos} support photos but {names} names; give one name for each photo."
TOO_MANY_SUPPORT = "At most {limit} support photos are accepted in one request; there are {photos}."
INTERNAL = "Something went wrong on our side; please try again."
NOT_FOR_SHORT = "not for access control, surveillance, or decisions about people"
WAITING_USABLE = "The answer appears once both photos show a face."
WAITING_FACE = "The answer appears once the photo shows a face."
COMPARING = "Comparing…"
SETTING = "Decided at"
RATE_COUNTS = "{errors} of {trials}; 95 % interval {low} to {high}"
