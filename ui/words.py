"""The words that the page shows, in one place; names in braces are put in later.

They stand here in English. Whoever reads one from this module (`words.TITLE`) gets it in the
language of the visit, see `languages`; so it has to be read when it is shown, not before. How
numbers are worded is in `numbers`, what the API says in `ui.api.english`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any

from ui.languages import Plural, translated

TITLE = "Same person?"
LANGUAGE = "Language"
CONSENT = "Use only photos of people who agree to it. No photo is kept."
VERIFY_LEAD = (
    "Do two photos show the same person? You get a probability that means what it says, and"
    " “uncertain” when that is the honest answer."
)
PICK_LEAD = "Which of several people is in your photo? “None of these” is an answer, too."
TAB_VERIFY = "Two photos"
TAB_PICK = "Who is it?"

# The two photos, the query
ROLES = {
    "first": "First photo",
    "second": "Second photo",
    "query": "The person you look for",
}
DROP = "Drop a photo here, paste it,\nor click to choose one"
# What Gradio says, and what the page says instead.
GRADIOS = {
    "Upload file": "File",
    "Capture from camera": "Camera",
    "Paste from clipboard": "Paste",
    "capture photo": "Take photo",
    "grant webcam access": "Turn the camera on",
    "Click to Access Webcam": "Turn the camera on",
    "File upload": "Choose a file",
    "Empty value": "No photo yet",
    "More tabs": "More tabs",
    "Info": "Note",
    "Warning": "Warning",
    "Error": "Error",
    "Close": "Close",
    "number input for ": "Number: ",
    "range slider for ": "Slider: ",
    "Use via API": "Use via API",
    "Gradio footer navigation": "Foot of the page",
}
NO_PICTURE = "There is no picture on the clipboard. Copy one first, or choose a file."
ALL_TAKEN = "All photos are there. Press “Change photo” at the one you want to change, then paste."
OFFLINE = (
    "You are offline. What is on the page stays, and what is under way goes on once you are online"
    " again."
)
ONLINE = "You are online again."
SENDING = "Sending: {percent} %"
SENDING_WAITS = "No network. The photos are sent once it is back."
DROP_MANY = "Drop photos of the people to choose from, or click to choose them"
ANOTHER_PHOTO, ANOTHER_SHORT = "Change photo", "Change"  # the short one where room is short
MORE_FACES = "Find more faces"
SHOW_PHOTO, SHOW_SHORT = "Show photo", "Show"
FACE_OF = "Face {number} of {total}"
FACE_USED = "used for the answer"
CHOOSE_FACE = "Which face?"
PHOTO_ALT = "{role}, {name}, with the faces found in it marked"
PHOTO_ALT_BARE = "{role}, {name}"
CROP_ALT = "The face from {name}, cut out and aligned"
FACES_FOUND = Plural("{count} face found", "{count} faces found. Tap the one you mean.")
FACES_COMPARED = Plural(
    "1 face found", "{count} faces found. All are compared; tap one to compare it alone."
)
DIMENSIONS = "{width} × {height} pixels"

# Options
SETTINGS = "Settings"
OPERATING_POINT = "How careful should “same” be?"
OPERATING_POINT_INFO = (
    "Fewer false matches means that more true ones are missed. Measured on {data}; children and"
    " relatives are taken for each other more often."
)
OPERATING_POINT_INFO_ANY = (
    "Fewer false matches means that more true ones are missed. Measured on {data}."
)
OPERATING_POINTS = {
    "careful": "Careful: 1 % false matches",
    "very_careful": "Very careful: 0.1 % false matches",
    "balanced": "Balanced: both errors equally often",
}
POPULATION = "Who else could it be?"
POPULATION_INFO = (
    "People of one kind look more alike, so the same likeness says less. Nothing is guessed from"
    " the photos."
)
POPULATIONS = {
    "anybody": "Anybody",
    "peers": "Somebody of the same sex, age group and origin",
    "children": "Another child",
    "relatives": "A close relative",
}
PRIOR = "How likely was “same person” before you looked? (%)"
PRIOR_INFO = (
    "50 if you have no idea. Bayes’ rule weighs it with the photos. It moves the probability;"
    " where that then speaks against the verdict, the page says “uncertain”."
)
NONE_PRIOR = "How likely is it that the person is none of these? (%)"
NONE_PRIOR_INFO = "50 if you have no idea. Bayes’ rule weighs it with the photos."

# The answer
WAITING_PAIR = "Add two photos. The answer appears here by itself."
EXAMPLES = "No photos at hand? These show nobody: each is an average of many people."
EXAMPLE_PAIR = "Compare {first} with {second}"
EXAMPLE_PICK = "Find {query} among {count} people"
# What each example shows, so that one can judge the answer.
EXAMPLE_PAIRS = (
    "One person, two pictures",
    "Two people",
    "One person in a group",
    "One person, once blurred",
    "One person, by lamplight and with glasses",
    "One person, 30 years apart",
    "Twins: a face does not tell them apart",
    "Two children: choose “Another child” in the settings",
)
EXAMPLE_PICKS = (
    "One of four people",
    "None of three people",
    "One of four, known from three photos",
)
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
    "uncertain": "Clearer or more similar photos may settle it.",
    "different": "These two faces probably belong to different people.",
}
# Where the chance beforehand, or the setting, puts verdict and probability on different sides.
LEADS_DESPITE = {
    "same": "Alike enough for “same” at this setting, but with this chance beforehand it is more"
    " likely that they are not.",
    "different": "Too unlike for “same” at this setting, but with this chance beforehand it is more"
    " likely that they are.",
}
# The scale of the words is in `siamese.calibration.Strength`, with its source.
EVIDENCE = {
    "same": "Photos as alike as these are about {times} times as likely to show one person as to"
    " show {two}. {support} for “same person”.",
    "different": "Photos as unlike as these are about {times} times as likely to show {two} as"
    " to show one person. {support} for “different people”.",
}
SUPPORT = {
    "weak": "Weak support",
    "moderate": "Moderate support",
    "moderately strong": "Moderately strong support",
    "strong": "Strong support",
    "very strong": "Very strong support",
    "extremely strong": "Extremely strong support",
}
EVIDENCE_NONE = (
    "Photos as alike as these are as likely to show one person as to show two people. They support"
    " neither."
)
EVIDENCE_BOUNDED = "What was measured of this network allows no stronger claim."
WARNED = (
    "A photo bears a warning, so likelihood ratio, limits and rates are those of pairs with such a"
    " photo."
)
FACE_OF_PHOTO = ("face {number} of the first photo", "face {number} of the second photo")
SEARCHED = "The most alike of {count} pairs of faces: {which}."
SEARCHED_ODDS = (
    "At most one of them is the pair you ask about, so its odds beforehand were divided by {count}."
)
SEARCHED_RATE = (
    "Among as many pairs of different people, one is called the same in {rate} of cases."
)
# Two different people, by who they are taken to be.
TWO = {
    "anybody": "two people",
    "peers": "two people of one sex, age group and origin",
    "children": "two children",
    "relatives": "two close relatives",
}
OTHERS_OF = {
    "anybody": "strangers",
    "peers": "strangers of one sex, age group and origin",
    "children": "different children",
    "relatives": "close relatives",
}
# How often two people who are not the same look like this pair.
STRANGERS = "About {one} in {many} pairs of {who} look this alike."
STRANGERS_OFTEN = "About {one} in {many} pairs of {who} look at least this alike."
STRANGERS_MOST = "Nearly all pairs of {who} look at least this alike."
STRANGERS_NONE = "None of {trials} pairs of {who} looked this alike."
# How often photos of one person look like this pair.
ONE_PERSON = "About {one} in {many} pairs of photos of one person look at least this unlike."
ONE_PERSON_NONE = "None of {trials} pairs of photos of one person looked this unlike."
AMONG = "Wrongly called “same” at this setting: {shares}."
AMONG_SHARE = "{rate} of {who}"
AMONG_TITLE = "Wrongly called “same” at this setting:"
IF_RELATIVES = "If they may be close relatives: {verdict}, {percent}."
AMONG_COUNTS = "{who}: {rate} ({errors} of {trials} pairs, {data}, 95 % interval {low} to {high})"
POPULATION_NAMED = "Different people are taken to be {two}."
SIGNS = {"same": "=", "uncertain": "?", "different": "≠"}
TWICE = "The same photo twice"
PROBABILITY_OF_SAME = "probability of the same person"
MEANING = (
    "Of 1,000 pairs that look as alike as this one, {count} show the same person, if"
    " “same” had a chance of {prior} beforehand."
)
MEANING_OF_BEST = (
    "Of 1,000 pairs of photos whose most alike faces look as alike as these, {count} show somebody"
    " in both, if that had a chance of {prior} beforehand."
)
_RATES = (
    "“{point}”: of 1,000 random pairs of different people, {fmr} are called the same ({fmr_errors}"
    " of {fmr_trials} measured on {data}, 95 % interval {fmr_low} to {fmr_high}); of 1,000 pairs of"
    " the same person, {fnmr} are not ({fnmr_errors} of {fnmr_trials}, {fnmr_low} to {fnmr_high})."
)
RATES = f"Decided at {_RATES}"
_PICKED = (
    "Somebody is named who is the most probable answer, and alone with the photo would be called"
    " the same at "
)
RATES_UNMEASURED = "The error rates of “{point}” have not been measured."
SCALE_LABEL = (
    "Scale of the probability. Below {different} the page says “different people”, from {same} on"
    " “same person”, between them “uncertain”. This pair lies at {here}."
)
SCALE_LABEL_NO_BAND = (
    "Scale of the probability. From {same} on the page says “same person”, below it “different"
    " people”. This pair lies at {here}."
)
ZONES = {"different": "different", "uncertain": "uncertain", "same": "same"}
THIS_PAIR = "this pair: {percent}"
SIMILAR = (
    "At least this similar: {count} of 1,000 random pairs of different people ({errors} of"
    " {trials} measured on {data}, 95 % interval {low} to {high})."
)
DISSIMILAR = (
    "At most this similar: {count} of 1,000 pairs of photos of one person ({errors} of {trials}"
    " measured on {data}, 95 % interval {low} to {high})."
)
SAY_VERDICT = "{verdict}, {percent}."
NOT_CERTAIN = "Nothing here is certain: look at the photos yourself before you believe it."
JOINED = "These faces match. Tap a pair to see it."
JOINED_PAIR = "Face {first} of the first photo and face {second} of the second: {percent}"
ALL_PAIRS = "Compare all faces"
ALL_PAIRS_TITLE = "Every face of the first photo (rows) with every face of the second (columns)"
WHY = "Why?"
WHY_TITLE = "What speaks for “same person”, and what against"
WHY_FOR = "speaks for “same”"
WHY_AGAINST = "speaks against it"
WHY_READ = (
    "Each part was covered in turn. Green with a plus: covering it made the two less alike, so it"
    " speaks for “same”. Orange with a minus: covering it made them more alike. The stronger the"
    " colour, the larger the effect; at its strongest it changed the odds by a factor of {factor}."
)
WHY_LIMITS = (
    "It shows what this network reacts to, not what makes two people look alike, and not whether"
    " the answer is right. Parts work together, so the effects do not add up."
)
WHY_ALT = (
    "The face from {name}. What speaks most for “same” lies at the {best}; what speaks least for"
    " it, or most against it, at the {worst}."
)
PLACES = (
    ("top left", "top", "top right"),
    ("left", "centre", "right"),
    ("bottom left", "bottom", "bottom right"),
)
EXPLAINING = "Covering parts of both faces, one after the other…"
COMPARING_ALL = "Comparing every face with every face…"
COPY_JSON = "Copy as JSON"
COPIED = "Copied"
SAVE_JSON = "Save as JSON"
SAVE_PICTURE = "Save as picture"
PICTURE_PRIOR = "if “same” had a chance of {prior} beforehand"
PICTURE_SHARE = "{share} probable. {ahead}"
PICTURE_AMONG = "among {count} people, “none of these” having had a chance of {prior} beforehand"
PICTURE_SETTING = "decided at “{point}” by the network {sha}"
PICTURE_LIMITS = "Not for access control, surveillance, or decisions about people."
SAVE_REPORT = "Save as report"
REPORT_TITLE = "Do two photos show the same person?"
REPORT_HASH = "SHA-256 of the file:"
REPORT_RATIO = "Likelihood ratio (log10)"
REPORT_BOUNDS = "Its bounds (log10)"
REPORT_BETWEEN = "{low} to {high}: what the calibration pairs can support"
REPORT_MEANING = "What it means"
REPORT_PRIOR = "Chance of “same” beforehand"
REPORT_FACES = "Which faces"
REPORT_STRANGERS = "Compared with strangers"
REPORT_ONE_PERSON = "Compared with photos of one person"
REPORT_RATES = "Error rates"
REPORT_AMONG = "Wrongly “same” among"
REPORT_NETWORK = "Which network answered"
REPORT_CHECKPOINT, REPORT_WEIGHTS = "Checkpoint", "SHA-256 of the weights"
DETAILS = "How sure is this?"
WEIGHTS = "Weights {sha}, from the checkpoint “{name}”."
MILLISECONDS = "Computed in {total} ms: {stages}."
# What the time went into, by the names that answers have for it.
STAGES = {
    "load": "reading {spent}",
    "detect": "finding faces {spent}",
    "align": "aligning them {spent}",
    "embed": "embedding {spent}",
    "compare": "comparing {spent}",
    "support": "people {spent}",
    "explain": "explaining {spent}",
}

# Numbers
ABOUT_SO_MANY, FEWER_THAN, MORE_THAN = "about {number}", "fewer than {number}", "more than {number}"
UNDER, OVER = "under {number}", "over {number}"

# The pick
PEOPLE = "People to choose from"
PHOTOS_OF_PEOPLE = Plural("1 photo of a person", "{count} photos of people")
SHOW_PEOPLE = "Add or change"
PERSON_NAME = "Name of the person in {photo}"
PERSON_NAME_HINT = "Photos with the same name count as one person. Names can be changed."
REMOVE_PHOTO = "Remove {photo}"
NOT_USED = "Not used"
MEMBER_FACES = Plural("{count} face found.", "{count} faces found; the most prominent one is used.")
UNUSED = Plural(
    "{count} of the {total} photos of people was not used; the list above says why.",
    "{count} of the {total} photos of people were not used; the list above says why.",
)
UNUSED_ALL = "No photo of people could be used, as the list above says; add others."
MERGE, MERGE_DO = "{names} seem to be one person, or close relatives.", "Count as one"
PART = Plural("“{name}” seems to be one person.", "“{name}” seems to be {count} people.")
PART_DO = "Tell them apart"
NONE_OF_THESE = "None of these"
WINNER = "Most likely: {name}"
PERHAPS = "Perhaps {name}"
NOBODY = "None of these people"
NOBODY_LEAD = "The person is probably not among them."
PROBABLE = "probable"
AHEAD = "Ahead of “{runner}” by {points} percentage points."
PAIR_ALONE = "Compared with this person alone the verdict would be: {verdict}."
OTHERS = Plural(
    "Show all: the other one has {share}", "Show all: {count} others together have {share}"
)
PHOTOS_COUNT = Plural("{count} photo", "{count} photos")
EACH_FACE = "Every face of this photo, no two as the same person"
RANKING = "How probable each answer is"
READING = Plural("{number} of {count} photo", "{number} of {count} photos")
TOO_MANY = "At most {limit} photos can be compared at once; the first {limit} are used."

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
MODEL_CARD = "Model card of the network"
CHECKPOINT_LINE = "Answers come from the checkpoint “{name}”, weights {sha}."
MEASURED_ON, RESULT = "measured on", "result"
MODEL_CARD_LINK = "Read its model card"
RATES_TITLE = "Who answers, and how often it errs"
RATES_TABLE = "Measured error rates"
RATES_HEAD = ("Setting", "Different people called “same”", "Same person not called “same”")
RATES_HEAD_CHARACTERS = (
    "Setting",
    "Different characters called “same”",
    "Same character not called “same”",
)

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
FILE_TOO_LARGE = (
    '"{name}" is larger than {megabytes} MB, the maximum allowed size; please send a smaller photo.'
)
UPLOAD_TOO_LARGE = (
    "These photos have more than {megabytes} MB together, the maximum allowed size; please send"
    " fewer at once."
)
TOO_MANY_FILES = "At most {limit} files may come in one upload; please send fewer at once."
BAD_UPLOAD = (
    "This is not a complete upload of photos; please send them again, each as a part named files."
)
DISK_FULL = "There is no room for photos on the server's disk; please try again later."
TOO_SLOW = "This took too long to arrive; please try again, or send smaller photos."
TOO_LONG = (
    "This takes longer than the {seconds} seconds that one request is given; please send fewer or"
    " smaller photos."
)
GONE = "The upload was cancelled before it was complete."
BUSY = "Too many requests are waiting; please try again in a minute."
TOO_MANY_PARTS = "The request has too many values; please send fewer."
FOREIGN = (
    "This server does not answer to this name or this page; its owner can allow it: {variable}."
)
NOT_FOUND = "There is nothing at this address."
NO_ANSWER = (
    "There is no answer with this number: it was fetched already, is too old, or was never asked"
    " for; please ask again."
)
MALFORMED = "The request is not the JSON that this address takes; see /gradio_api/openapi.json."
NO_DRAWING = "This is larger than the sheet; please draw on it, or pick a character beside it."
INTERNAL = "Something went wrong on our side; please try again."
WAITING_USABLE = "The answer appears once both photos show a face."
WAITING_FACE = "The answer appears once the photo shows a face."
COMPARING = "Comparing…"
RATE_COUNTS = "{errors} of {trials}; 95 % interval {low} to {high}"

# Any class: drawn characters
TAB_ANY = "Any class"
ANY_LEAD = (
    "The same method, without faces: shown each character of an alphabet once, it says which of"
    " them you draw."
)
SHEET = "A white sheet to draw a character on, with mouse, finger or pen"
UNDO = "Undo stroke"
CLEAR_SHEET = "Empty sheet"
YOUR_DRAWING = "your drawing"
ALPHABET = "An alphabet the network never saw"
CHARACTERS = "The characters of {alphabet}"
DRAW_FOR_ME = "{name}: show another hand’s drawing of it"
WAITING_DRAWING = "Draw one of the characters. Or press one, to see how somebody else drew it."
ANY_NONE_PRIOR = "How likely is it that you draw none of these? (%)"
ANY_NONE_PRIOR_INFO = (
    "At 5, as likely as each of the twenty. Bayes’ rule weighs it with the drawing."
)


@dataclass(frozen=True, slots=True)
class PickWords:
    """The sentences of a ranking that say what is ranked."""

    nobody: str
    nobody_lead: str
    pair_alone: str
    among: str
    verdicts: Mapping[str, str]
    rates: str


OF_PEOPLE = PickWords(NOBODY, NOBODY_LEAD, PAIR_ALONE, PICTURE_AMONG, VERDICTS, _PICKED + _RATES)
OF_CHARACTERS = PickWords(
    nobody="None of these characters",
    nobody_lead="It is probably not among them.",
    pair_alone="Compared with this character alone the verdict would be: {verdict}.",
    among=("among {count} characters, “none of these” having had a chance of {prior} beforehand"),
    verdicts={
        "same": "Same character",
        "uncertain": "Uncertain",
        "different": "Different characters",
    },
    rates=(
        f"{_PICKED}“{{point}}”: of 1,000 random pairs of different characters of one alphabet,"
        " {fmr} are called the same ({fmr_errors} of {fmr_trials} measured on {data}, 95 % interval"
        " {fmr_low} to {fmr_high}); of 1,000 pairs of the same character, {fnmr} are not"
        " ({fnmr_errors} of {fnmr_trials}, {fnmr_low} to {fnmr_high})."
    ),
)


def _spoken(word: Any) -> Any:
    """The same in the language of the visit; `Plural` sees to that itself."""
    match word:
        case str():
            return translated(word)
        case tuple():
            return tuple(map(_spoken, word))
        case Mapping():
            return {key: _spoken(value) for key, value in word.items()}
        case PickWords():
            parts = {field.name: _spoken(getattr(word, field.name)) for field in fields(word)}
            return replace(word, **parts)
    return word


class _Words(ModuleType):
    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return _spoken(found) if name.isupper() and not name.startswith("_") else found


sys.modules[__name__].__class__ = _Words
